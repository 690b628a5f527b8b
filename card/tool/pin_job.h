/*
 * One run of `tessera pin`: what its files share.
 */
#ifndef CARD_TOOL_PIN_JOB_H
#define CARD_TOOL_PIN_JOB_H

#include "card/tool/pin.h"

struct pin_job;

struct pin_action {
    const char *name;
    int (*run)(struct pin_job *j, const struct card_try *how);
    bool sets;    /* a new PIN */
    bool by_puk;
};

/*
 *   pin, puk  what it is about, as last read; puk only where there is one
 *   value     what is presented: PIN or PUK
 *   told      tries of what is presented when they were shown
 */
struct pin_job {
    struct tool *tool;
    const struct pin_action *action;
    struct card *card;
    size_t pin_index, puk_index;
    struct card_pin_info pin, puk;
    bool has_puk;
    bool force, last_try, no_keypad, keypad;
    struct secret *value, *new;
    int told;
    struct card_pin_result result;
    card_field_fn *put; /* of pin_describe_private */
    void *arg;
};

/* The PIN, or the PUK that unblocks it. */
const struct card_pin_info *pin_presented(const struct pin_job *j);

/* ---- pin_say.c: exit statuses, with the message given -------------------- */

enum { PIN_BLOCKED_MAX = 512 };

/* That the PIN is blocked, and what to do about it. */
void pin_blocked_words(const struct pin_job *j, char *out, size_t cap);
/* Whether it may be tried at all; a person may be asked. */
int pin_may_try(const struct pin_job *j);
/* What became of it; `rc` is what the card layer returned. */
int pin_say_result(const struct pin_job *j, int rc);

#endif
