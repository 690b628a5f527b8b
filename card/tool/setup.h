/*
 * tessera setup: a program's configuration for a key. The texts are the samples
 * of conf/, which the tests prove: they are in the tool as they are there.
 */
#ifndef CARD_TOOL_SETUP_H
#define CARD_TOOL_SETUP_H

#include <stdio.h>

#include "card/tool/tool.h"

enum {
    SETUP_PATH_MAX = 4096,
    SETUP_VERSION_MAX = 32,
    SETUP_NEEDS = 16,
    SETUP_DROPS = 5
};

struct setup;

/* One end of a program: it logs in, or lets in. */
struct setup_side {
    const char *sample; /* in conf/; NULL: there is no such end */
    const char *file;   /* "~/..." the user's; "=..." in the folder of PEMs */
    /* What of the sample is the other end's, or a test's alone: lines that
       begin so, and the rest of the paragraph where it is its first line. */
    const char *drop[SETUP_DROPS];
    const char *note;   /* N_(): what is to be known of it; or NULL */
    const char *after;  /* N_(): the same of its last command; or NULL */
    void (*needs)(struct setup *s);
};

struct setup_program {
    const char *name;
    const char *commands[2]; /* the first one that is there is asked */
    const char *question;    /* what makes it tell its version */
    const char *before;      /* what stands before the number */
    const char *least;       /* the oldest that takes the text, or NULL */
    bool tells_openssl;      /* which one it runs with, in the same answer */
    const char *service;     /* its unit, where it is one: "nginx" */
    struct setup_side client, server;
    struct setup_side foreign; /* git's, where it is without OpenSSL */
};

/* In the order of the help; the last has no name. */
extern const struct setup_program setup_programs[];

/*
 * The first need: the command line that writes the text, with what was given on
 * this one (NULL: was not). False: no memory.
 */
bool setup_need_file(struct setup *s, const char *uri, const char *file,
                     bool server);

/* Whether TLS has to stay at version 1.2. */
enum setup_limit { SETUP_UNKNOWN, SETUP_TLS12, SETUP_ANY };

/* What to do, and why or what for. */
struct setup_need {
    char *sentence, *command; /* one may be NULL */
};

/* One run. */
struct setup {
    struct tool *t;
    const struct setup_program *program;
    const struct setup_side *side;
    char *uri;                   /* of the key; for mutt the one that signs */
    char *uri_decrypt;           /* mutt's other one */
    enum setup_limit limit;
    char version[SETUP_VERSION_MAX]; /* "": not installed */
    char openssl[SETUP_VERSION_MAX]; /* "": not told */
    char folder[SETUP_PATH_MAX]; /* where PEM files are, no '/' behind */
    char file[SETUP_PATH_MAX];   /* what the text is for */
    bool shared;                 /* that file is activate's, too */
    struct setup_need needs[SETUP_NEEDS]; /* the first: how to write it */
    size_t need_count;
    char *text;
};

/* ---- versions (setup_version.c) ------------------------------------------ */

/* Ask the program that is installed, if any. Fills version and openssl. */
void setup_ask_version(struct setup *s);
/* Whether "1.22.1" is older than "1.7.8". */
bool setup_is_older(const char *version, const char *than);
/* Whether git's https is GnuTLS's or NSS's, to which our keys are unknown. */
bool setup_git_is_foreign(void);

/* ---- the text (setup_text.c) --------------------------------------------- */

/* Free it. NULL: no memory. */
char *setup_printf(const char *format, ...)
    __attribute__((format(printf, 1, 2)));
/* One word of a shell, in quotes where it needs them. As setup_printf. */
char *setup_word(const char *text);
/* What is wrong with the version that is installed, or NULL. Free it. */
char *setup_complaint(const struct setup *s);
/* Both are taken over; `why` and `command` may be NULL. */
void setup_need(struct setup *s, char *why, char *command);
/*
 * The whole text, with what is needed behind it, as comments: free it. NULL
 * after a message.
 */
char *setup_text(const struct setup *s);

/* ---- the file (setup_write.c) -------------------------------------------- */

/*
 * Put the text into s->file, between marks of ours; what else is there stays,
 * and the file as it was is kept beside it, by the name that `backup` gets (""
 * if there was none or nothing changed). An exit status.
 */
int setup_write(const struct setup *s, bool *changed,
                char backup[SETUP_PATH_MAX]);

#endif
