/*
 * Asking for a PIN, a PUK, a new PIN: all that can be checked is checked before
 * the card sees it.
 */
#include "card/tool/pin.h"

#include <stdio.h>

#include "card/tool/prompt.h"

enum { ATTEMPTS = 3, QUESTION_MAX = 256 };

/* ---- in words ------------------------------------------------------------ */

void pin_state_words(const struct card_pin_info *pin, char *out, size_t cap)
{
    const int left = pin->tries_left;

    if (left == 0)
        snprintf(out, cap, "%s", _("blocked: no tries left"));
    else if (left < 0)
        snprintf(out, cap, "%s", _("this card does not tell"));
    else if (pin->tries_max < left)
        snprintf(out, cap, ngettext("%d try left", "%d tries left",
                                    (unsigned long)left), left);
    else
        snprintf(out, cap, ngettext("%d of %d tries left",
                                    "%d of %d tries left",
                                    (unsigned long)left),
                 left, pin->tries_max);
}

/* Characters that fit: where the record gives no maximum, its block does. */
static void limits_of(const struct card_pin_info *pin, unsigned *min,
                      unsigned *max)
{
    const unsigned iso9564_min = 4, iso9564_max = 12; /* ISO 9564-1 format 2 */
    unsigned room = pin->stored_len;

    *min = pin->min_len;
    *max = pin->max_len;
    if (pin->type == CARD_PIN_BCD)
        room *= 2;
    if (pin->type == CARD_PIN_ISO9564_1) {
        *min = *min > iso9564_min ? *min : iso9564_min;
        room = iso9564_max;
    }
    if (room != 0 && (*max == 0 || *max > room))
        *max = room;
}

static void digits_words(unsigned min, unsigned max, char *out, size_t cap)
{
    if (max == 0)
        snprintf(out, cap, ngettext("at least %u digit", "at least %u digits",
                                    min), min);
    else if (min == max)
        snprintf(out, cap, ngettext("%u digit", "%u digits", max), max);
    else
        snprintf(out, cap, _("%u to %u digits"), min, max);
}

static void characters_words(unsigned min, unsigned max, char *out, size_t cap)
{
    if (max == 0)
        snprintf(out, cap, ngettext("at least %u character",
                                    "at least %u characters", min), min);
    else if (min == max)
        snprintf(out, cap, ngettext("%u character", "%u characters", max), max);
    else
        snprintf(out, cap, _("%u to %u characters"), min, max);
}

void pin_form_words(const struct card_pin_info *pin, char *out, size_t cap)
{
    unsigned min, max;

    limits_of(pin, &min, &max);
    if (min == 0)
        min = 1;
    if (pin->type == CARD_PIN_UTF8)
        characters_words(min, max, out, cap);
    else
        digits_words(min, max, out, cap);
}

/* ---- questions ----------------------------------------------------------- */

static void question_of(const struct pin_ask *a, char *out, size_t cap)
{
    char form[128], state[128];

    pin_form_words(a->pin, form, sizeof(form));
    pin_state_words(a->pin, state, sizeof(state));
    if (a->tries && a->pin->tries_left >= 0)
        snprintf(out, cap, _("PIN (%s), %s: "), form, state);
    else if (a->word == PIN_WORD_PIN)
        snprintf(out, cap, _("PIN (%s): "), form);
    else if (a->word == PIN_WORD_PUK)
        snprintf(out, cap, _("PUK (%s): "), form);
    else
        snprintf(out, cap, _("New PIN (%s): "), form);
}

static const char *question_again(const struct pin_ask *a)
{
    return a->word == PIN_WORD_PIN   ? _("PIN again: ")
           : a->word == PIN_WORD_PUK ? _("PUK again: ")
                                     : _("New PIN again: ");
}

static int refuse(const char *sentence)
{
    return card_fail(CARD_E_PIN_FORMAT, "%s", sentence);
}

static int check_form(const struct pin_ask *a, struct bytes value)
{
    char form[128], sentence[256];

    if (card_check_pin(a->pin, value) == 0)
        return 0;
    pin_form_words(a->pin, form, sizeof(form));
    if (a->word == PIN_WORD_PUK)
        snprintf(sentence, sizeof(sentence), _("The PUK has %s."), form);
    else
        snprintf(sentence, sizeof(sentence), _("The PIN has %s."), form);
    return refuse(sentence);
}

static int check(const struct pin_ask *a, struct bytes value)
{
    int rc = check_form(a, value);

    if (rc == 0 && a->other != NULL &&
        bytes_equal_secret(value, secret_view(a->other)))
        rc = refuse(_("The new PIN is the old one."));
    return rc;
}

/* What stands in a file would be the same the second time. */
static int confirm(const struct pin_ask *a, struct bytes value)
{
    uint8_t space[CARD_MAX_PIN];
    struct buf again = BUF_ON(space);
    int rc;

    if (!a->repeat || a->tool->options.pin_file != NULL)
        return 0;
    rc = prompt_secret(question_again(a), &again);
    if (rc == 0 && !bytes_equal_secret(value, buf_view(&again)))
        rc = refuse(_("The two are not the same."));
    buf_wipe(&again);
    return rc;
}

static int ask_once(const struct pin_ask *a, struct secret **out)
{
    char question[QUESTION_MAX];
    uint8_t space[CARD_MAX_PIN];
    struct buf value = BUF_ON(space);
    int rc;

    question_of(a, question, sizeof(question));
    if ((rc = prompt_pin(a->tool, question, a->line, &value)) == 0 &&
        (rc = check(a, buf_view(&value))) == 0 &&
        (rc = confirm(a, buf_view(&value))) == 0 &&
        (*out = secret_new(buf_view(&value))) == NULL)
        rc = card_fail(CARD_E_MEMORY, "no memory for a PIN");
    buf_wipe(&value);
    return rc;
}

int pin_enter(const struct pin_ask *a, struct secret **out)
{
    unsigned left = a->tool->options.pin_file != NULL ? 1 : ATTEMPTS;
    int rc;

    while ((rc = ask_once(a, out)) == CARD_E_PIN_FORMAT && --left > 0)
        tool_say(a->tool, "%s", card_error_sentence());
    return rc;
}
