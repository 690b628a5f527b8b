/*
 * tessera pin: present, change, unblock a PIN. What is known is shown, then
 * asked, checked, and sent once; then what became of it is said.
 */
#include "card/tool/pin_job.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "card/tool/prompt.h"

enum { OPERANDS_TAKEN = TOOL_MANY, WORDS_MAX = 256, NAMES_MAX = 1024 };

const struct card_pin_info *pin_presented(const struct pin_job *j)
{
    return j->action->by_puk ? &j->puk : &j->pin;
}

const char *pin_name(const struct card_pin_info *pin)
{
    return pin->label[0] != '\0' ? pin->label
           : pin->unblocking     ? _("PUK")
                                 : _("PIN");
}

/* ---- which PIN ----------------------------------------------------------- */

static bool is_number(const char *text)
{
    return text[0] != '\0' && text[strspn(text, "0123456789")] == '\0';
}

static bool is_named(const struct card_pin_info *pin, size_t number,
                     const char *name)
{
    return strcmp(pin->label, name) == 0 ||
           (is_number(name) && strtoul(name, NULL, 10) == number);
}

/* By label or number; all their names in *names. */
static bool find_by_name(struct pin_job *j, const char *name, char *names,
                         size_t cap)
{
    const struct card_pin_info *pin;
    size_t number = 0, used = 0;

    names[0] = '\0';
    for (size_t i = 0; (pin = card_pin_at(j->card, i)) != NULL; i++) {
        if (pin->unblocking || pin->alias)
            continue;
        number++;
        if (is_named(pin, number, name)) {
            j->pin_index = i;
            return true;
        }
        if (used < cap)
            used += (size_t)snprintf(names + used, cap - used, "%s%zu (%s)",
                                     number > 1 ? ", " : "", number,
                                     pin_name(pin));
    }
    return false;
}

/* The records as they are now; after a use of the card others may be there. */
static void look(struct pin_job *j)
{
    const struct card_pin_info *pin = card_pin_at(j->card, j->pin_index);
    const struct card_pin_info *puk = card_pin_at(j->card, j->puk_index);

    if (pin != NULL)
        j->pin = *pin;
    if (j->has_puk && puk != NULL)
        j->puk = *puk;
}

static int find_pin(struct pin_job *j, const char *name)
{
    char names[NAMES_MAX];
    bool found = name == NULL ? card_main_pin(j->card, &j->pin_index)
                              : find_by_name(j, name, names, sizeof(names));

    if (!found && name == NULL)
        tool_error(j->tool, _("this card has no PIN that is known"));
    else if (!found)
        tool_error(j->tool, _("--pin names one of the card's PINs, never its "
                              "value. This card has: %s"), names);
    if (!found)
        return TOOL_NOTHING;
    j->has_puk = card_puk_of_pin(j->card, j->pin_index, &j->puk_index);
    look(j);
    return TOOL_DONE;
}

/* ---- what is known ------------------------------------------------------- */

static void show_state(const struct pin_job *j)
{
    struct out *out = j->tool->out;
    struct card_identity id;
    char words[WORDS_MAX];

    if (out_is_json(out))
        return;
    card_identify(j->card, &id);
    out_field(out, NULL, _("Card"), id.title);
    out_field(out, NULL, _("Reader"), id.reader);
    out_field(out, NULL, _("PIN"), pin_name(&j->pin));
    pin_state_words(&j->pin, words, sizeof(words));
    out_field(out, NULL, _("State of the PIN"), words);
    if (!j->has_puk)
        return;
    pin_state_words(&j->puk, words, sizeof(words));
    out_field(out, NULL, _("State of the PUK"), words);
}

static void put_tries(struct out *out, const char *key, int tries)
{
    if (tries >= 0)
        out_number(out, key, NULL, tries, NULL);
}

static void put_json(const struct pin_job *j, bool with_result)
{
    static const char *const words[] = {[CARD_NOT_DONE] = "not done",
                                        [CARD_DONE] = "done",
                                        [CARD_UNKNOWN] = "unknown"};
    struct out *out = j->tool->out;
    struct card_identity id;

    if (!out_is_json(out))
        return;
    card_identify(j->card, &id);
    out_string(out, "card", id.title);
    out_string(out, "pin", pin_name(&j->pin));
    put_tries(out, "tries_left", j->pin.tries_left);
    put_tries(out, "tries_max", j->pin.tries_max);
    if (j->has_puk)
        put_tries(out, "puk_tries_left", j->puk.tries_left);
    if (!with_result)
        return;
    out_string(out, "result", words[j->result.outcome]);
    out_flag(out, "reinsert", NULL, j->result.reinsert, NULL);
}

/* ---- asking -------------------------------------------------------------- */

/* Who is careful with a last try types it twice. */
static bool may_be_last(const struct pin_job *j)
{
    return j->last_try && pin_presented(j)->tries_left <= 1;
}

static int ask(struct pin_job *j)
{
    const struct pin_ask value = {
        .tool = j->tool,
        .pin = pin_presented(j),
        .word = j->action->by_puk ? PIN_WORD_PUK : PIN_WORD_PIN,
        .repeat = may_be_last(j),
    };
    struct pin_ask new = {.tool = j->tool, .pin = &j->pin,
                          .word = PIN_WORD_NEW, .line = 1, .repeat = true};
    int rc;

    j->keypad = !j->action->by_puk && !j->no_keypad &&
                j->tool->options.pin_file == NULL &&
                card_keypad_fits(j->card, j->pin_index, j->action->sets);
    if (j->keypad)
        return 0;
    if ((rc = pin_enter(&value, &j->value)) < 0 || !j->action->sets)
        return rc;
    new.other = j->action->by_puk ? NULL : j->value;
    return pin_enter(&new, &j->new);
}

static void say_keypad(const struct pin_job *j)
{
    if (!j->keypad)
        return;
    if (j->action->sets)
        tool_say(j->tool, _("Enter the PIN at the reader's keypad, then the "
                            "new PIN twice."));
    else
        tool_say(j->tool, _("Enter the PIN at the reader's keypad."));
}

/* ---- the attempt --------------------------------------------------------- */

static int run_verify(struct pin_job *j, const struct card_try *how)
{
    return card_verify_pin(j->card, j->pin_index, secret_view(j->value), how,
                           j->keypad, &j->result);
}

static int run_change(struct pin_job *j, const struct card_try *how)
{
    return card_change_pin(j->card, j->pin_index, secret_view(j->value),
                           secret_view(j->new), how, j->keypad, &j->result);
}

static int run_unblock(struct pin_job *j, const struct card_try *how)
{
    return card_unblock_pin(j->card, j->pin_index, secret_view(j->value),
                            secret_view(j->new), how, &j->result);
}

static int run_describe(struct pin_job *j, const struct card_try *how)
{
    return card_describe_private(j->card, j->pin_index, secret_view(j->value),
                                 how, j->keypad, &j->result, j->put, j->arg);
}

/*
 * Nobody who presses ^C while a card writes a PIN would know what became of
 * it: signals wait for the answer. A keypad waits for a person, and so long.
 */
static int send_once(struct pin_job *j)
{
    const struct card_try how = {.told = j->told, .last_try = j->last_try};
    sigset_t ends, before;
    int rc;

    sigemptyset(&ends);
    sigaddset(&ends, SIGINT);
    sigaddset(&ends, SIGTERM);
    sigaddset(&ends, SIGHUP);
    sigaddset(&ends, SIGTSTP);
    say_keypad(j);
    sigprocmask(SIG_BLOCK, j->keypad ? NULL : &ends, &before);
    rc = j->action->run(j, &how);
    sigprocmask(SIG_SETMASK, &before, NULL);
    return rc;
}

/* Afterwards the tries are asked for again: that costs none. */
static int attempt(struct pin_job *j)
{
    int rc, status;

    j->told = pin_presented(j)->tries_left;
    if ((rc = ask(j)) < 0)
        return prompt_error(j->tool, rc);
    rc = send_once(j);
    look(j);
    status = pin_say_result(j, rc);
    if (rc == 0 && card_read(j->card, CARD_READ_PINS) == 0)
        look(j);
    return status;
}

static void forget(struct pin_job *j)
{
    secret_free(j->value);
    secret_free(j->new);
}

/* ---- the subcommand ------------------------------------------------------ */

static const struct pin_action actions[] = {
    {"status", NULL, false, false},
    {"verify", run_verify, false, false},
    {"change", run_change, true, false},
    {"unblock", run_unblock, true, true},
};

static const struct pin_action *find_action(const char *name)
{
    for (size_t i = 0; i < nitems(actions); i++)
        if (strcmp(actions[i].name, name) == 0)
            return &actions[i];
    return NULL;
}

/* What else there is to say of a PIN that was only looked at. */
static void say_way_out(const struct pin_job *j)
{
    char words[PIN_BLOCKED_MAX];

    if (j->pin.tries_left != 0)
        return;
    pin_blocked_words(j, words, sizeof(words));
    tool_say(j->tool, "%s", words);
}

static int run_on_card(struct pin_job *j, const char *pin)
{
    int status = find_pin(j, pin);

    if (status != TOOL_DONE)
        return status;
    show_state(j);
    if (j->action->run == NULL)
        say_way_out(j);
    else if ((status = pin_may_try(j)) == TOOL_DONE) {
        status = attempt(j);
        forget(j);
    }
    put_json(j, j->action->run != NULL);
    return status;
}

/* Whatever it is, it is not said again. */
static int refuse_operand(struct tool *t)
{
    tool_error(t, _("PINs do not belong on the command line, where every "
                    "program can read them: tessera asks for them, or takes "
                    "them from --pin-file FILE. If a PIN stood there, change "
                    "it"));
    return TOOL_USAGE;
}

/* Who says nothing wants to see, as everywhere else. */
static int take_action(struct pin_job *j, int argc, char **argv)
{
    j->action = find_action(argc < 2 ? "status" : argv[1]);
    if (j->action == NULL) {
        tool_error(j->tool, _("tessera pin wants to know what to do: status, "
                              "verify, change or unblock"));
        return TOOL_USAGE;
    }
    return argc > 3 ? refuse_operand(j->tool) : TOOL_DONE;
}

int pin_run(struct tool *t, int argc, char **argv)
{
    struct pin_job j = {.tool = t};
    const char *pin = NULL;
    const struct tool_option options[] = {
        {"pin", &pin, NULL, NULL},
        {"no-keypad", NULL, &j.no_keypad, NULL},
        {"force", NULL, &j.force, NULL},
        {"last-try", NULL, &j.last_try, NULL},
        {NULL, NULL, NULL, NULL}};
    struct card_set set;
    int status;

    if ((argc = tool_parse(t, options, OPERANDS_TAKEN, argc, argv)) < 0)
        return tool_parsed(t);
    if ((status = take_action(&j, argc, argv)) != TOOL_DONE)
        return status;
    status = tool_choose(t, argc > 2 ? argv[2] : NULL,
                         CARD_READ_OBJECTS | CARD_READ_PINS, &set, &j.card);
    if (status == TOOL_NOTHING && argc == 3 && is_number(argv[2]))
        return refuse_operand(t);
    if (status != TOOL_DONE)
        return status;
    status = run_on_card(&j, pin);
    card_set_free(&set);
    return status;
}

/* ---- for other subcommands ----------------------------------------------- */

static int try_main_pin(struct pin_job *j)
{
    char words[WORDS_MAX];
    int status;

    if ((status = find_pin(j, NULL)) != TOOL_DONE)
        return status;
    pin_state_words(&j->pin, words, sizeof(words));
    tool_say(j->tool, _("%s: %s"), pin_name(&j->pin), words);
    if ((status = pin_may_try(j)) == TOOL_DONE)
        status = attempt(j);
    forget(j);
    return status;
}

int pin_describe_private(struct tool *t, struct card *c, card_field_fn *put,
                         void *arg)
{
    static const struct pin_action describe = {"describe", run_describe, false,
                                               false};
    struct pin_job j = {.tool = t, .action = &describe, .card = c, .put = put,
                        .arg = arg};

    return try_main_pin(&j);
}

int pin_verify_main(struct tool *t, struct card *c)
{
    struct pin_job j = {.tool = t, .action = find_action("verify"), .card = c};

    return try_main_pin(&j);
}
