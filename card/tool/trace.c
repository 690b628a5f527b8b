/*
 * tessera trace: run a command and keep a transcript of what it says to the
 * card, secrets masked, fit for a bug report.
 */
#define _XOPEN_SOURCE 700 /* realpath */
#include "card/tool/tool.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
    NOT_EXECUTABLE = 126, /* as a shell has it */
    NO_SUCH_COMMAND = 127,
    OF_SIGNAL = 128
};

/* ---- the file ------------------------------------------------------------ */

static void name_by_time(char *out, size_t cap)
{
    time_t now = time(NULL);
    struct tm tm;

    if (localtime_r(&now, &tm) == NULL ||
        strftime(out, cap, "tessera-trace-%Y%m%d-%H%M%S.apdu", &tm) == 0)
        snprintf(out, cap, "tessera-trace.apdu");
}

/* The command may have its own idea of the working directory. */
static bool make_file(struct tool *t, const char *name, char out[PATH_MAX])
{
    int fd = open(name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
                  S_IRUSR | S_IWUSR);

    if (fd < 0 && errno == EEXIST)
        tool_error(t, _("%s is there already: name another file with --out"),
                   name);
    else if (fd < 0)
        tool_error(t, _("%s cannot be made: %s. Name another file with --out"),
                   name, strerror(errno));
    if (fd < 0)
        return false;
    close(fd);
    if (realpath(name, out) != NULL)
        return true;
    tool_error(t, _("%s cannot be found again: %s"), name, strerror(errno));
    unlink(name);
    return false;
}

static size_t count_commands(const char *path)
{
    FILE *file = fopen(path, "re");
    size_t count = 0;
    bool begins = true;
    int c;

    while (file != NULL && (c = getc(file)) != EOF) {
        count += begins && c == '>';
        begins = c == '\n';
    }
    if (file != NULL)
        fclose(file);
    return count;
}

/* ---- the command --------------------------------------------------------- */

static bool is_ours(const char *name)
{
    for (const struct tool_command *c = tool_commands; c->name != NULL; c++)
        if (strcmp(c->name, name) == 0)
            return true;
    return false;
}

/* A subcommand of ours gets back its first argument, "trace" of this run. */
static int become(char **argv, const char *path)
{
    static char self[] = "tessera";

    if (setenv("TESSERA_TRACE", path, 1) < 0)
        return NOT_EXECUTABLE;
    if (is_ours(argv[1])) {
        argv[0] = self;
        execv("/proc/self/exe", argv);
    } else {
        execvp(argv[1], argv + 1);
    }
    out_print(stderr, "tessera: %s: %s\n", argv[1], strerror(errno));
    return errno == ENOENT ? NO_SUCH_COMMAND : NOT_EXECUTABLE;
}

static int status_of(pid_t child)
{
    int status;

    while (waitpid(child, &status, 0) < 0)
        if (errno != EINTR)
            return TOOL_FAILED;
    return WIFSIGNALED(status) ? OF_SIGNAL + WTERMSIG(status)
                               : WEXITSTATUS(status);
}

/* ^C is the command's: what became of it is still told. */
static int run_command(struct tool *t, char **argv, const char *path)
{
    struct sigaction ignore = {.sa_handler = SIG_IGN}, old_int, old_quit;
    pid_t child;
    int status = TOOL_FAILED;

    fflush(NULL);
    sigaction(SIGINT, &ignore, &old_int);
    sigaction(SIGQUIT, &ignore, &old_quit);
    if ((child = fork()) == 0) {
        sigaction(SIGINT, &old_int, NULL);
        sigaction(SIGQUIT, &old_quit, NULL);
        _exit(become(argv, path));
    }
    if (child > 0)
        status = status_of(child);
    else
        tool_error(t, "%s: %s", argv[1], strerror(errno));
    sigaction(SIGINT, &old_int, NULL);
    sigaction(SIGQUIT, &old_quit, NULL);
    return status;
}

/* ---- afterwards ---------------------------------------------------------- */

static void tell(struct tool *t, const char *path)
{
    size_t count = count_commands(path);

    if (out_is_json(t->out))
        out_number(t->out, "commands", NULL, (long long)count, NULL);
    if (count == 0) {
        unlink(path);
        tool_say(t, _("No card was used, so there is no transcript."));
        return;
    }
    out_string(t->out, "file", path);
    tool_say(t, _("The transcript is in %s, with %zu commands to the card. "
                  "PINs and what the card deciphered are masked; the holder's "
                  "certificates, with the name in them, are not: look at it "
                  "before you give it away."), path, count);
}

int trace_run(struct tool *t, int argc, char **argv)
{
    const char *out = NULL;
    const struct tool_option own[] = {{"out", &out, NULL, NULL},
                                      {NULL, NULL, NULL, NULL}};
    char name[64], path[PATH_MAX];
    int status;

    argc = tool_parse(t, own, TOOL_COMMAND_FOLLOWS, argc, argv);
    if (argc < 0)
        return tool_parsed(t);
    if (argc == 1) {
        tool_error(t, _("which command is to be recorded? For example: "
                        "tessera trace list"));
        return TOOL_USAGE;
    }
    name_by_time(name, sizeof(name));
    if (!make_file(t, out != NULL ? out : name, path))
        return TOOL_FAILED;
    status = run_command(t, argv, path);
    tell(t, path);
    return status;
}
