/*
 * tessera doctor: checks by subject. Each tells what it found, mends nothing,
 * asks for no PIN, and leaves the others to theirs.
 */
#ifndef CARD_TOOL_DOCTOR_H
#define CARD_TOOL_DOCTOR_H

#include <openssl/conf.h>

#include "card/tool/tool.h"

struct doctor {
    struct tool *t;
    unsigned findings;
    bool provider;  /* it is installed, and can be loaded */
    bool pin_file;  /* one was found wanting */
    size_t readers; /* that pcscd knows */
};

/* `id` is for scripts and stays the same. */
void doctor_ok(struct doctor *d, const char *id, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void doctor_finding(struct doctor *d, const char *id, const char *remedy,
                    const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/*
 * Run what loads code of others in a process of its own: what crashes or hangs
 * there is a finding. `run` leaves its words in `text`, and so does what became
 * of it; false: it did not succeed, or not at all.
 * What it opens ends with that process: closing could crash as well.
 */
typedef bool doctor_fn(const void *arg, char *text, size_t cap);
bool doctor_apart(doctor_fn *run, const void *arg, char *text, size_t cap);

/* ---- checks -------------------------------------------------------------- */

void doctor_service(struct doctor *d);  /* pcscd, drivers, polkit */
void doctor_cards(struct doctor *d);    /* readers and cards */
void doctor_plugins(struct doctor *d);  /* provider and engine */
void doctor_config(struct doctor *d);   /* openssl.cnf; after doctor_pins */
void doctor_engines(struct doctor *d, const CONF *conf); /* libp11's */
void doctor_others(struct doctor *d);   /* programs that use cards too */
void doctor_pins(struct doctor *d);     /* who can read PINs */

#endif
