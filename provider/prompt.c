/*
 * Asking a person for a PIN at the terminal, through OpenSSL's UI, when no
 * PIN is stored and the application gave no callback. Where the PIN goes in at
 * the reader's own keypad, telling so.
 */
#include "provider/provider.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <openssl/ui.h>

void prompt_describe(const struct card_pin_question *question, char *out,
                     size_t cap)
{
    const char *pin = question->pin[0] != '\0' ? question->pin : "PIN";

    if (question->silent && question->tries_left < 0)
        snprintf(out, cap, "%s of %s (it does not tell the tries left)", pin,
                 question->token);
    else if (question->tries_left < 0)
        snprintf(out, cap, "%s of %s", pin, question->token);
    else
        snprintf(out, cap, "%s of %s (%d %s left)", pin, question->token,
                 question->tries_left,
                 question->tries_left == 1 ? "try" : "tries");
}

/*
 * UI would fall back to standard input and take a mail or a request for the
 * PIN, so the terminal must really be there.
 */
static bool has_terminal(void)
{
    int fd = open("/dev/tty", O_RDWR | O_NOCTTY | O_CLOEXEC);

    if (fd < 0)
        return false;
    close(fd);
    return true;
}

#define LAST_TRY "This is the last try: a wrong PIN locks the card"

/* The two answers, wiped together. */
struct prompt {
    char why[600];
    char question[512];
    char again[CARD_LABEL_MAX];
    char pin[CARD_MAX_PIN + 1];
    char repeated[CARD_MAX_PIN + 1];
};

static void prompt_compose(const struct card_pin_question *q, struct prompt *p)
{
    char what[256];

    if (q->refused != NULL)
        snprintf(p->why, sizeof(p->why), "%s.\n", q->refused);
    prompt_describe(q, what, sizeof(what));
    snprintf(p->question, sizeof(p->question),
             "%s%s%s\nEnter it%s%s: ", what,
             q->reader[0] != '\0' ? ", in " : "", q->reader,
             q->key[0] != '\0' ? " for " : "", q->key);
    snprintf(p->again, sizeof(p->again), "PIN: ");
}

static bool prompt_add(const struct card_pin_question *q, struct prompt *p,
                       UI *ui)
{
    if (q->refused != NULL && UI_add_info_string(ui, p->why) < 0)
        return false;
    if (q->last_try
        && UI_add_info_string(ui, LAST_TRY ", so type it twice.\n") < 0)
        return false;
    if (UI_add_input_string(ui, p->question, 0, p->pin, 0, CARD_MAX_PIN) < 0)
        return false;
    return !q->last_try
           || UI_add_verify_string(ui, p->again, 0, p->repeated, 0,
                                   CARD_MAX_PIN, p->pin) >= 0;
}

static int prompt_run(const struct card_pin_question *q, struct prompt *p,
                      struct buf *pin)
{
    UI *ui = UI_new();
    int rc;

    if (ui == NULL || !prompt_add(q, p, ui)) {
        UI_free(ui);
        return card_fail(CARD_E_MEMORY, "no prompt for the PIN");
    }
    if (UI_process(ui) != 0)
        rc = card_fail(CARD_E_CANCELLED, "the PIN was not given");
    else if (p->pin[0] == '\0')
        rc = card_fail(CARD_E_CANCELLED, "an empty PIN was given");
    else
        rc = buf_put(pin, bytes_of_string(p->pin));
    UI_free(ui);
    return rc;
}

/*
 * Nothing is waited for: the reader does that. Whoever has no terminal sees
 * the reader blink, and finds it in the log; but a server, which has none, is
 * not to hold the card of everybody for somebody who may never come.
 */
static int tell_keypad(struct prov_config *config,
                       const struct card_pin_question *q)
{
    char what[256], text[512], shown[1200];
    UI *ui;

    if (q->holds_card && !config->keypad_always && !has_terminal())
        return card_fail(CARD_E_PIN_NEEDED, "there is no terminal to say so, "
                         "and keypad = always is not set");
    prompt_describe(q, what, sizeof(what));
    snprintf(text, sizeof(text), "%s: enter it at the keypad of %s, for %s",
             what, q->reader[0] != '\0' ? q->reader : "the reader", q->key);
    config_log(config, text);
    if (!has_terminal() || (ui = UI_new()) == NULL)
        return 0;
    snprintf(shown, sizeof(shown), "%s%s%s%s.\n",
             q->refused != NULL ? q->refused : "",
             q->refused != NULL ? ".\n" : "",
             q->last_try ? LAST_TRY ".\n" : "", text);
    if (UI_add_info_string(ui, shown) >= 0)
        UI_process(ui);
    UI_free(ui);
    return 0;
}

int prompt_ask_pin(void *arg, const struct card_pin_question *question,
                   struct buf *pin)
{
    struct prov_config *config = arg;
    struct prompt prompt = {.pin = ""};
    int rc;

    if (question->keypad)
        return tell_keypad(config, question);
    if (!has_terminal())
        return card_fail(CARD_E_PIN_NEEDED, "there is no terminal to ask at%s",
                         config->pin_problem);
    prompt_compose(question, &prompt);
    rc = prompt_run(question, &prompt, pin);
    memory_wipe(&prompt, sizeof(prompt));
    return rc;
}
