/*
 * tessera doctor: what is wrong on this machine, and how to mend it.
 */
#include "card/tool/doctor.h"

#include <errno.h>
#include <locale.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { FOUND_MAX = 1024, PATIENCE_MS = 10000 };

/* ---- telling ------------------------------------------------------------- */

static void put(struct doctor *d, const char *id, const char *found,
                const char *remedy)
{
    struct out *o = d->t->out;

    out_open(o, NULL);
    out_title(o, remedy == NULL ? _("OK: %s") : _("FINDING: %s"), found);
    out_string(o, "id", id);
    out_string(o, "state", remedy == NULL ? "ok" : "finding");
    out_string(o, "found", found);
    out_string(o, "remedy", remedy);
    if (remedy != NULL)
        out_line(o, _("Remedy: %s"), remedy);
    out_close(o);
}

void doctor_ok(struct doctor *d, const char *id, const char *format, ...)
{
    char found[FOUND_MAX];
    va_list args;

    va_start(args, format);
    vsnprintf(found, sizeof(found), format, args);
    va_end(args);
    put(d, id, found, NULL);
}

void doctor_finding(struct doctor *d, const char *id, const char *remedy,
                    const char *format, ...)
{
    char found[FOUND_MAX];
    va_list args;

    va_start(args, format);
    vsnprintf(found, sizeof(found), format, args);
    va_end(args);
    d->findings++;
    put(d, id, found, remedy);
}

/* ---- a process of its own ------------------------------------------------ */

static void run_and_write(doctor_fn *run, const void *arg, int to)
{
    char text[FOUND_MAX] = "+";
    ssize_t n;

    if (!run(arg, text + 1, sizeof(text) - 1))
        text[0] = '-';
    n = write(to, text, strlen(text));
    _exit(n < 0);
}

/* Until its end, or until it takes too long. */
static void listen_to(int from, char *text, size_t cap, bool *late)
{
    struct pollfd p = {.fd = from, .events = POLLIN};
    size_t used = 0;
    ssize_t n = 1;

    *late = false;
    while (n > 0 && used + 1 < cap && !*late) {
        int ready = poll(&p, 1, PATIENCE_MS);

        if (ready < 0 && errno == EINTR)
            continue;
        *late = ready <= 0;
        n = *late ? 0 : read(from, text + used, cap - 1 - used);
        used += n > 0 ? (size_t)n : 0;
    }
    text[used] = '\0';
}

static bool conclude(pid_t child, const char *answer, bool late, char *text,
                     size_t cap)
{
    int status = 0;

    if (late)
        kill(child, SIGKILL);
    while (waitpid(child, &status, 0) < 0 && errno == EINTR)
        ;
    if (late)
        snprintf(text, cap, "%s", _("it hangs"));
    else if (answer[0] == '\0' && WIFSIGNALED(status))
        snprintf(text, cap, _("it crashes (signal %d)"), WTERMSIG(status));
    else if (answer[0] == '\0')
        snprintf(text, cap, "%s", _("it ends the program"));
    else
        snprintf(text, cap, "%s", answer + 1);
    return !late && answer[0] == '+';
}

bool doctor_apart(doctor_fn *run, const void *arg, char *text, size_t cap)
{
    char answer[FOUND_MAX];
    bool late;
    int ends[2];
    pid_t child;

    fflush(NULL);
    if (pipe(ends) < 0) {
        snprintf(text, cap, "%s", strerror(errno));
        return false;
    }
    if ((child = fork()) == 0) {
        close(ends[0]);
        run_and_write(run, arg, ends[1]);
    }
    if (child < 0)
        snprintf(text, cap, "%s", strerror(errno));
    close(ends[1]);
    if (child > 0)
        listen_to(ends[0], answer, sizeof(answer), &late);
    close(ends[0]);
    return child > 0 && conclude(child, answer, late, text, cap);
}

/* ---- this terminal ------------------------------------------------------- */

/* By the variable that decides (locale(7)). */
static void check_locale(struct doctor *d)
{
    static const char *const names[] = {"LC_ALL", "LC_CTYPE", "LC_MESSAGES",
                                        "LANG"};
    const char *value = NULL;
    size_t i = 0;

    if (setlocale(LC_ALL, "") != NULL)
        return;
    while (i + 1 < nitems(names) &&
           ((value = getenv(names[i])) == NULL || value[0] == '\0'))
        i++;
    value = getenv(names[i]);
    doctor_finding(d, "locale",
                   _("install it: sudo dpkg-reconfigure locales"),
                   _("this terminal asks for a language that is not "
                     "installed: %s=%s"), names[i],
                   value != NULL ? value : "");
}

/* ---- all of it ----------------------------------------------------------- */

int doctor_run(struct tool *t, int argc, char **argv)
{
    struct doctor d = {.t = t};

    if (tool_parse(t, NULL, 0, argc, argv) < 0)
        return tool_parsed(t);
    out_open_list(t->out, "checks");
    doctor_service(&d);
    doctor_cards(&d);
    doctor_plugins(&d);
    doctor_pins(&d);
    doctor_config(&d);
    doctor_others(&d);
    check_locale(&d);
    out_close(t->out);
    out_blank(t->out);
    if (d.findings == 0)
        out_line(t->out, _("All is well."));
    else
        out_line(t->out, _("Findings: %u."), d.findings);
    return d.findings == 0 ? TOOL_DONE : TOOL_FINDINGS;
}
