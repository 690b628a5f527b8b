/*
 * PINs: what the subcommand shares with those that need one on their way.
 */
#ifndef CARD_TOOL_PIN_H
#define CARD_TOOL_PIN_H

#include "card/base/secret.h"
#include "card/tool/tool.h"

/* Its label, or what it is. */
const char *pin_name(const struct card_pin_info *pin);
/* "3 of 3 tries left", "blocked", "the card does not tell". */
void pin_state_words(const struct card_pin_info *pin, char *out, size_t cap);
/* "4 to 8 digits", as the card says. */
void pin_form_words(const struct card_pin_info *pin, char *out, size_t cap);

/*
 * Show the tries, ask for the card's main PIN, once, and read what the card
 * shows only then (card_describe_private). An exit status, with the message
 * given.
 */
int pin_describe_private(struct tool *t, struct card *c, card_field_fn *put,
                         void *arg);
/* The same, and nothing is read: whether the PIN is right. */
int pin_verify_main(struct tool *t, struct card *c);

/* ---- what is asked for (pin_ask.c) --------------------------------------- */

enum pin_word { PIN_WORD_PIN, PIN_WORD_PUK, PIN_WORD_NEW };

/*
 *   pin     has the form: length and characters
 *   line    of --pin-file
 *   tries   the question tells how many are left
 *   repeat  it is typed twice, the same
 *   other   a value that this one may not be; or NULL
 */
struct pin_ask {
    struct tool *tool;
    const struct card_pin_info *pin;
    enum pin_word word;
    unsigned line;
    bool tries;
    bool repeat;
    const struct secret *other;
};

/*
 * A value that can be the PIN: at the terminal in three attempts, of which the
 * card hears nothing. As prompt_pin; free with secret_free.
 */
int pin_enter(const struct pin_ask *ask, struct secret **out);

#endif
