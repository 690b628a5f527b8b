/*
 * Questions at the terminal. Whatever ends one, be it a signal that kills or
 * stops the program, the terminal is as it was before.
 */
#define _GNU_SOURCE /* rpmatch */
#include "card/tool/prompt.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "card/base/secret.h"

enum { ANSWER_MAX = 256 }; /* bytes: no PIN is as long */

/*
 * Signals are blocked, and read like the answer is: so none falls between a
 * look for it and the wait.
 */
struct prompt {
    int tty, signals;
    bool echo;
    struct termios before;
    sigset_t mask_before;
};

/*
 * A file with this program's memory may outlive the PIN. RLIMIT_CORE does not
 * hold for a core that goes to a program (core(5)); what is not dumpable is
 * also shut to debuggers of the same user. /proc/self is root's from here on:
 * nothing of ours reads it later.
 */
static void keep_memory_private(void)
{
    const struct rlimit none = {0, 0};

    setrlimit(RLIMIT_CORE, &none);
    prctl(PR_SET_DUMPABLE, 0);
}

/* ---- the terminal -------------------------------------------------------- */

/* Unread input goes: nobody typed it as an answer, or it is the rest of one. */
static void set_terminal(const struct prompt *p, const struct termios *mode)
{
    while (tcsetattr(p->tty, TCSAFLUSH, mode) < 0 && errno == EINTR)
        ;
}

static void begin_question(const struct prompt *p, const char *question)
{
    struct termios mode = p->before;
    char *text = out_localised(question);

    mode.c_lflag |= ICANON | ISIG;
    mode.c_iflag |= ICRNL;
    if (!p->echo)
        mode.c_lflag &= ~(tcflag_t)(ECHO | ECHONL);
    set_terminal(p, &mode);
    dprintf(p->tty, "%s", text != NULL ? text : "? ");
    free(text);
}

static int prompt_open(struct prompt *p, bool echo)
{
    sigset_t signals;

    p->echo = echo;
    p->tty = open("/dev/tty", O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (p->tty < 0 || tcgetattr(p->tty, &p->before) < 0) {
        if (p->tty >= 0)
            close(p->tty);
        return card_fail(CARD_E_PIN_NEEDED, "%s",
                         _("there is no terminal to ask at"));
    }
    sigemptyset(&signals);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGQUIT);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGHUP);
    sigaddset(&signals, SIGTSTP);
    sigaddset(&signals, SIGCONT);
    sigprocmask(SIG_BLOCK, &signals, &p->mask_before);
    if ((p->signals = signalfd(-1, &signals, SFD_CLOEXEC)) >= 0)
        return 0;
    sigprocmask(SIG_SETMASK, &p->mask_before, NULL);
    close(p->tty);
    return card_fail(CARD_E_MEMORY, "signalfd: no room");
}

static void prompt_close(struct prompt *p)
{
    set_terminal(p, &p->before);
    close(p->signals);
    close(p->tty);
    sigprocmask(SIG_SETMASK, &p->mask_before, NULL);
}

/* ---- signals ------------------------------------------------------------- */

/* As if it had come now, to a program that does nothing about it. */
static void deliver(int number)
{
    sigset_t one, before;

    sigemptyset(&one);
    sigaddset(&one, number);
    raise(number);
    sigprocmask(SIG_UNBLOCK, &one, &before);
    sigprocmask(SIG_SETMASK, &before, NULL);
}

/* Of a stop that is known already. */
static void forget_continued(void)
{
    const struct timespec at_once = {0, 0};
    sigset_t continued;

    sigemptyset(&continued);
    sigaddset(&continued, SIGCONT);
    sigtimedwait(&continued, NULL, &at_once);
}

static int cancelled(void)
{
    return card_fail(CARD_E_CANCELLED, "%s", _("nothing was sent to the card"));
}

/*
 * Stopped, the terminal is the shell's; after that, and after a SIGSTOP that
 * nobody sees, the question is put again. What was typed of the answer is gone.
 */
static int take_signal(const struct prompt *p, const char *question,
                       struct buf *line)
{
    struct signalfd_siginfo info;

    if (read(p->signals, &info, sizeof(info)) != (ssize_t)sizeof(info))
        return 0;
    buf_wipe(line);
    if (info.ssi_signo == SIGINT)
        return cancelled();
    if (info.ssi_signo != SIGCONT) {
        set_terminal(p, &p->before);
        dprintf(p->tty, "\n");
        deliver((int)info.ssi_signo);
        forget_continued();
    }
    begin_question(p, question);
    return 0;
}

/* ---- one answer ---------------------------------------------------------- */

/* What is longer than any answer is read to its end, and is none. */
static int take_input(const struct prompt *p, struct buf *line, bool *too_long)
{
    ssize_t n;

    if (line->len == line->cap) {
        *too_long = true;
        buf_wipe(line);
    }
    n = read(p->tty, line->data + line->len, line->cap - line->len);
    if (n < 0 && (errno == EINTR || errno == EAGAIN))
        return 0;
    if (n <= 0)
        return cancelled();
    line->len += (size_t)n;
    return 0;
}

static bool is_ended(const struct buf *line)
{
    return line->len > 0 && line->data[line->len - 1] == '\n';
}

static int read_line(const struct prompt *p, const char *question,
                     struct buf *line)
{
    struct pollfd both[] = {{.fd = p->signals, .events = POLLIN},
                            {.fd = p->tty, .events = POLLIN}};
    bool too_long = false;
    int rc = 0;

    begin_question(p, question);
    while (rc == 0 && !is_ended(line)) {
        if (poll(both, nitems(both), -1) < 0)
            continue;
        if (both[0].revents != 0) {
            rc = take_signal(p, question, line);
            too_long = false; /* the question was put again */
        } else if (both[1].revents != 0) {
            rc = take_input(p, line, &too_long);
        }
    }
    if (!p->echo || rc < 0)
        dprintf(p->tty, "\n");
    if (rc < 0)
        return rc;
    line->len--;
    if (too_long)
        return card_fail(CARD_E_PIN_FORMAT, "%s",
                         _("That is longer than any PIN."));
    return line->len == 0 ? cancelled() : 0;
}

static int ask(const char *question, bool echo, struct buf *line)
{
    struct prompt p;
    int rc;

    fflush(stdout);
    if ((rc = prompt_open(&p, echo)) < 0)
        return rc;
    rc = read_line(&p, question, line);
    prompt_close(&p);
    return rc;
}

static bool has_control(struct bytes text)
{
    for (size_t i = 0; i < text.len; i++)
        if (text.data[i] < 0x20 || text.data[i] == 0x7F)
            return true;
    return false;
}

int prompt_secret(const char *question, struct buf *value)
{
    uint8_t typed[ANSWER_MAX];
    struct buf line = BUF_ON(typed);
    int rc;

    keep_memory_private();
    rc = ask(question, false, &line);
    if (rc == 0 && has_control(buf_view(&line)))
        rc = card_fail(CARD_E_PIN_FORMAT, "%s",
                       _("A PIN has no control characters."));
    if (rc == 0 && buf_put(value, buf_view(&line)) < 0)
        rc = card_fail(CARD_E_PIN_FORMAT, "%s",
                       _("That is longer than any PIN."));
    memory_wipe(typed, sizeof(typed));
    return rc;
}

/* By the locale's own letters, or the word that the question asks for. */
static bool is_yes(const char *answer)
{
    return rpmatch(answer) == 1 || strcmp(answer, _("yes")) == 0;
}

bool prompt_yes(const char *question)
{
    char text[1024];
    uint8_t typed[ANSWER_MAX];
    struct buf line = {typed, 0, sizeof(typed) - 1};

    snprintf(text, sizeof(text), _("%s (yes or no) "), question);
    if (ask(text, true, &line) < 0)
        return false;
    typed[line.len] = '\0';
    return is_yes((const char *)typed);
}

int prompt_pin(struct tool *t, const char *question, unsigned line,
               struct buf *value)
{
    struct secret *secret = NULL;
    int rc;

    if (t->options.pin_file == NULL)
        return prompt_secret(question, value);
    keep_memory_private();
    rc = secret_from_file_line(t->options.pin_file, line, &secret);
    if (rc == 0 && buf_put(value, secret_view(secret)) < 0)
        rc = card_fail(CARD_E_PIN_FORMAT, "%s",
                       _("That is longer than any PIN."));
    secret_free(secret);
    return rc;
}

int prompt_error(struct tool *t, int rc)
{
    if (rc == CARD_E_PIN_FORMAT)
        tool_error(t, _("%s Nothing was sent to the card."),
                   card_error_sentence());
    else if (rc == CARD_E_PIN_NEEDED)
        tool_error(t, _("%s: --pin-file FILE gives the PIN; nothing was sent "
                        "to the card"), card_error_sentence());
    else if (rc == CARD_E_CANCELLED)
        tool_error(t, _("cancelled: %s"), card_error_sentence());
    else
        return tool_card_error(t, rc);
    return tool_exit_of(rc);
}
