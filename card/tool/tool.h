/*
 * The tool `tessera`: what its subcommands share. Each is one file with one
 * `run` and a row in main.c.
 */
#ifndef CARD_TOOL_TOOL_H
#define CARD_TOOL_TOOL_H

#include <libintl.h>
#include <stdio.h>

#include "card/admin.h"
#include "card/tool/out.h"

#define _(text) gettext(text)
#define N_(text) (text)

/* Exit status, the same for all subcommands; tessera(1) has it too. */
enum tool_exit {
    TOOL_DONE = 0,
    TOOL_FAILED = 1,    /* not done: the message says why */
    TOOL_USAGE = 2,     /* the command line makes no sense */
    TOOL_NOTHING = 3,   /* no service, reader or card, or nothing that matches */
    TOOL_WRONG = 4,     /* the card rejected the PIN or PUK: a try is lost */
    TOOL_BLOCKED = 5,   /* the PIN or PUK is blocked */
    TOOL_REFUSED = 6,   /* nothing was sent: format, last try, no terminal */
    TOOL_UNKNOWN = 7,   /* sent, and no answer came: done or not */
    TOOL_FINDINGS = 8,  /* doctor, test, chain: something is to be mended */
    TOOL_CANCELLED = 130 /* ^C, as a shell counts it */
};

/* Options that all subcommands take. */
struct tool_options {
    bool json, redact, help;
    const char *card;     /* --card: see choose.c; NULL: the only one */
    const char *pin_file; /* --pin-file: instead of asking */
};

struct tool {
    struct tool_options options;
    struct out *out;
    struct card_context *context; /* see tool_context */
    FILE *log;                    /* TESSERA_LOG, when there is a context */
    const char *command;          /* for messages */
    card_ask_pin_fn *ask_pin;     /* set before the first tool_context */
    void *ask_arg;
};

struct tool_command {
    const char *name;
    int (*run)(struct tool *t, int argc, char **argv);
    const char *summary; /* N_(): one line */
    const char *usage;   /* N_(): "[CARD]" */
    const char *details; /* N_(): what its words and options do, a line each;
                            NULL: nothing more */
};

/* In the order of the help; the last has no name. */
extern const struct tool_command tool_commands[];

/* ---- options (tool.c) ---------------------------------------------------- */

/* An option of one subcommand: "--write", or with a value "--ca FILE". */
struct tool_option {
    const char *name;   /* without the dashes; the last is NULL */
    const char **value; /* where its value goes, the last one given; or */
    bool *flag;         /* set when it is there */
    const char **many;  /* may be given often: a list of TOOL_MANY, that ends
                           with NULL. value and flag are NULL then */
};

enum { TOOL_OPTIONS_MAX = 16, TOOL_MANY = 32, TOOL_COMMAND_FOLLOWS = -1 };

/*
 * Take the options, common ones among them, out of argv[1..]; the operands stay
 * as argv[1..], in order, and argv[argc] is NULL. The new argc, or -1 after a
 * message about the command line, or after --help was answered: then the
 * command returns tool_parsed(t). `--` ends options.
 *
 *   option  ends with a NULL name; NULL: the common ones alone
 *   most    operands allowed at most; TOOL_COMMAND_FOLLOWS: any number, and
 *           options behind the first belong to it
 */
int tool_parse(struct tool *t, const struct tool_option *options, int most,
               int argc, char **argv);

/* TOOL_USAGE, or TOOL_DONE after --help. */
int tool_parsed(const struct tool *t);

/* ---- messages (tool.c) --------------------------------------------------- */

/*
 * "tessera: ..." on standard error, in the locale's characters. With --json
 * also the document's "error". The message says what was found and what to do.
 */
void tool_error(struct tool *t, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/*
 * The same of an error of the card layer: what was being done, its sentence,
 * and the remedy of card_error_names. Returns the exit status for it.
 */
int tool_card_error(struct tool *t, int rc);
/* The exit status alone. */
int tool_exit_of(int rc);
/* On standard error, unless --json: progress, warnings, what to do next. */
void tool_say(struct tool *t, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* What is installed in share/, found from where this program is. */
void tool_share(char *out, size_t cap, const char *name);

/* ---- cards --------------------------------------------------------------- */

/*
 * The context of this run, made at the first call: the user's cache, TESSERA_
 * TRACE and TESSERA_LOG, no stored PIN. CARD_E_*.
 */
int tool_context(struct tool *t, struct card_context **out);

/*
 * The card that is meant: --card, or `text` of the command line, or the only
 * one there is. `text` is a URI (card:...), a reader's number as `list` shows
 * it (1 is the first), part of a reader's name, or a serial number. A message
 * and an exit status if there is none, or more than one; `what` is read of it
 * (enum card_read). `application` is which of its applications: by driver=, or
 * the first that has keys.
 */
int tool_choose(struct tool *t, const char *text, unsigned what,
                struct card_set *set, struct card **application);

/*
 * The same, but one card that no driver knows is success too: its reader's name
 * is in `unknown`, else "".
 */
int tool_choose_any(struct tool *t, const char *text, unsigned what,
                    struct card_set *set, struct card **application,
                    char unknown[READER_NAME_MAX]);

/* ---- subcommands --------------------------------------------------------- */

int activate_run(struct tool *t, int argc, char **argv);
int cert_run(struct tool *t, int argc, char **argv);
int chain_run(struct tool *t, int argc, char **argv);
int deactivate_run(struct tool *t, int argc, char **argv);
int doctor_run(struct tool *t, int argc, char **argv);
int key_run(struct tool *t, int argc, char **argv);
int list_run(struct tool *t, int argc, char **argv);
int pin_run(struct tool *t, int argc, char **argv);
int setup_run(struct tool *t, int argc, char **argv);
int show_run(struct tool *t, int argc, char **argv);
int test_run(struct tool *t, int argc, char **argv);
int trace_run(struct tool *t, int argc, char **argv);
int watch_run(struct tool *t, int argc, char **argv);

#endif
