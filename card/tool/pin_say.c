/*
 * tessera pin: may a value be tried, and what became of it, in words.
 */
#include "card/tool/pin_job.h"

#include <stdio.h>

#include "card/tool/prompt.h"

enum { WORDS_MAX = 256 };

/* ---- may it be tried ----------------------------------------------------- */

void pin_blocked_words(const struct pin_job *j, char *out, size_t cap)
{
    char form[WORDS_MAX];

    if (!j->has_puk) {
        snprintf(out, cap, "%s",
                 _("the PIN is blocked, and the card names no PUK for it: ask "
                   "whoever issued the card"));
    } else if (j->puk.tries_left == 0) {
        snprintf(out, cap, "%s",
                 _("the PIN is blocked, and so is the PUK that would unblock "
                   "it: only whoever issued the card can help"));
    } else {
        pin_form_words(&j->puk, form, sizeof(form));
        snprintf(out, cap,
                 _("the PIN is blocked: \"tessera pin unblock\" gives it new "
                   "tries. It asks for the PUK (%s), which came with the card"),
                 form);
    }
}

static int say_blocked(const struct pin_job *j)
{
    char words[PIN_BLOCKED_MAX];

    pin_blocked_words(j, words, sizeof(words));
    tool_error(j->tool, "%s", words);
    return TOOL_BLOCKED;
}

static int say_puk_blocked(const struct pin_job *j)
{
    tool_error(j->tool, _("the PUK is blocked: only whoever issued the card "
                          "can help"));
    return TOOL_BLOCKED;
}

static int check_last(const struct pin_job *j)
{
    if (pin_presented(j)->tries_left != 1 || j->last_try)
        return TOOL_DONE;
    if (j->action->by_puk)
        tool_error(j->tool, _("one try of the PUK is left, so nothing was "
                              "sent: a wrong PUK now would block it for ever, "
                              "and nobody could unblock the PIN. If you are "
                              "sure of it, repeat with --last-try"));
    else
        tool_error(j->tool, _("one try is left, so nothing was sent: a wrong "
                              "PIN now would block it. If you are sure of it, "
                              "repeat with --last-try"));
    return TOOL_REFUSED;
}

static int check_blocked(const struct pin_job *j)
{
    const int left = j->pin.tries_left;

    if (left == 0 || j->force)
        return TOOL_DONE;
    if (left > 0) {
        tool_error(j->tool, _("the PIN is not blocked: \"tessera pin change\" "
                              "changes it. Whoever forgot it can unblock it "
                              "all the same with --force"));
        return TOOL_REFUSED;
    }
    if (prompt_yes(_("This card does not tell whether its PIN is blocked. Is "
                     "it?")))
        return TOOL_DONE;
    tool_error(j->tool, _("nothing was sent to the card. --force unblocks the "
                          "PIN without this question"));
    return TOOL_REFUSED;
}

static int check_puk(const struct pin_job *j)
{
    if (j->puk.tries_left >= 0 || j->last_try)
        return TOOL_DONE;
    if (prompt_yes(_("This card does not tell how many tries its PUK has "
                     "left. The last wrong one blocks it for ever; some cards "
                     "allow three in all. Are you sure of the PUK?")))
        return TOOL_DONE;
    tool_error(j->tool, _("nothing was sent to the card. --last-try presents "
                          "the PUK without this question"));
    return TOOL_REFUSED;
}

int pin_may_try(const struct pin_job *j)
{
    int status;

    if (!j->action->by_puk)
        return j->pin.tries_left == 0 ? say_blocked(j) : check_last(j);
    if (!j->has_puk) {
        tool_error(j->tool, _("the card names no PUK for this PIN: ask whoever "
                              "issued the card"));
        return TOOL_FAILED;
    }
    if (j->puk.tries_left == 0)
        return say_puk_blocked(j);
    if ((status = check_blocked(j)) == 0 && (status = check_last(j)) == 0)
        status = check_puk(j);
    return status;
}

/* ---- what became of it --------------------------------------------------- */

static void say_done(const struct pin_job *j)
{
    struct out *out = j->tool->out;

    if (!j->action->sets)
        out_line(out, _("The PIN is right."));
    else if (j->action->by_puk)
        out_line(out, _("Done: the PIN is unblocked, and it is the new one."));
    else
        out_line(out, _("Done: the PIN is changed."));
    if (j->result.reinsert)
        out_line(out, _("Take the card out and put it back."));
    if (j->action->sets)
        tool_say(j->tool, _("Next: \"tessera test\" tries the card's keys, "
                            "\"tessera activate\" makes them known to your "
                            "programs."));
}

static int say_unknown(const struct pin_job *j)
{
    tool_error(j->tool, _("whether it was done is not known: %s. Take the card "
                          "out, put it back, then: tessera pin verify"),
               card_error_sentence());
    return TOOL_UNKNOWN;
}

static int say_wrong(const struct pin_job *j)
{
    const int left = j->result.tries_left;

    if (left < 0 && j->action->by_puk)
        tool_error(j->tool, _("the PUK was wrong. Not done; how many tries it "
                              "has left, this card does not tell"));
    else if (left < 0)
        tool_error(j->tool, _("the PIN was wrong. Not done; how many tries it "
                              "has left, this card does not tell"));
    else if (j->action->by_puk)
        tool_error(j->tool, ngettext("the PUK was wrong. Not done; %d try is "
                                     "left", "the PUK was wrong. Not done; %d "
                                     "tries are left", (unsigned long)left),
                   left);
    else
        tool_error(j->tool, ngettext("the PIN was wrong. Not done; %d try is "
                                     "left", "the PIN was wrong. Not done; %d "
                                     "tries are left", (unsigned long)left),
                   left);
    return TOOL_WRONG;
}

/*
 * Some cards say wrong with no try left, some say blocked at once; one that
 * did not tell its tries may have been blocked before.
 */
static int say_blocked_now(const struct pin_job *j)
{
    bool was_tried = pin_presented(j)->presented && j->told >= 0;

    if (was_tried && j->action->by_puk)
        tool_error(j->tool, _("the PUK was wrong. Not done"));
    else if (was_tried)
        tool_error(j->tool, _("the PIN was wrong. Not done"));
    return j->action->by_puk ? say_puk_blocked(j) : say_blocked(j);
}

static int say_not_done(const struct pin_job *j, int rc)
{
    int status;

    if (rc == CARD_E_PIN_LOCKED ||
        (rc == CARD_E_PIN_WRONG && j->result.tries_left == 0))
        return say_blocked_now(j);
    if (rc == CARD_E_PIN_WRONG)
        return say_wrong(j);
    if (rc == CARD_E_PIN_REFUSED || rc == CARD_E_PIN_FORMAT) {
        tool_error(j->tool, _("not done: %s"), card_error_sentence());
        return TOOL_REFUSED;
    }
    status = tool_card_error(j->tool, rc);
    if (j->action->sets)
        tool_say(j->tool, _("Not done: the PIN is as it was."));
    return status;
}

int pin_say_result(const struct pin_job *j, int rc)
{
    if (j->result.outcome == CARD_UNKNOWN)
        return say_unknown(j);
    if (rc < 0)
        return say_not_done(j, rc);
    say_done(j);
    return TOOL_DONE;
}
