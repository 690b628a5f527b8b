/*
 * The PIN of a test: what is known of it is said before a person is asked.
 */
#include "card/tool/test.h"

#include "card/tool/pin_job.h"
#include "card/tool/prompt.h"

static const struct pin_action verify = {"verify", NULL, false, false};

static struct pin_job job_of(struct tool *t, struct card *c, size_t pin)
{
    struct pin_job j = {.tool = t, .action = &verify, .card = c,
                        .pin_index = pin};
    const struct card_pin_info *puk;

    j.pin = *card_pin_at(c, pin);
    j.told = j.pin.tries_left;
    j.has_puk = card_puk_of_pin(c, pin, &j.puk_index);
    if (j.has_puk && (puk = card_pin_at(c, j.puk_index)) != NULL)
        j.puk = *puk;
    return j;
}

bool test_pin_blocked(const struct card *c, size_t pin)
{
    const struct card_pin_info *info = card_pin_at(c, pin);

    return info != NULL && info->tries_left == 0;
}

int test_pin_say_blocked(struct tool *t, struct card *c, size_t pin)
{
    struct pin_job j = job_of(t, c, pin);
    char words[PIN_BLOCKED_MAX];

    pin_blocked_words(&j, words, sizeof(words));
    tool_error(t, "%s", words);
    return TOOL_BLOCKED;
}

int test_pin_enter(struct tool *t, const struct card_pin_info *pin,
                   unsigned line, struct secret **out)
{
    const struct pin_ask ask = {.tool = t, .pin = pin, .word = PIN_WORD_PIN,
                                .line = line, .tries = true};

    if (pin->tries_left == 1)
        return card_fail(CARD_E_PIN_REFUSED, "%s",
                         _("one try is left: first enter the right PIN with "
                           "tessera pin verify --last-try"));
    return pin_enter(&ask, out);
}

int test_pin_error(struct tool *t, int rc)
{
    if (rc != CARD_E_PIN_REFUSED)
        return prompt_error(t, rc);
    tool_error(t, "%s", card_error_sentence());
    return TOOL_REFUSED;
}

/*
 * Presented here, a PIN after a wrong one is a person's try. The provider,
 * which takes what a program gives it for stored, would refuse it.
 */
int test_pin_take(struct tool *t, struct card *c, size_t pin,
                  struct secret **out)
{
    struct pin_job j = job_of(t, c, pin);
    const struct card_try how = {.told = j.told};
    int rc;

    if ((rc = test_pin_enter(t, &j.pin, 0, out)) < 0)
        return test_pin_error(t, rc);
    rc = card_verify_pin(c, pin, secret_view(*out), &how, false, &j.result);
    return rc < 0 ? pin_say_result(&j, rc) : TOOL_DONE;
}
