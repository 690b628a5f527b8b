/*
 * A holder with a card.
 */
#include "tests/unit/admin_world.h"

#include "tests/unit/test.h"

#include <stdio.h>
#include <string.h>

#include "card/wire/apdu.h"

static const struct card_try person = {.told = -1, .last_try = true};

static void look(struct admin_world *a, const char *driver)
{
    struct card_identity id;

    if (card_open_all(a->w.ctx, "Sim 0", 0,
                      CARD_READ_OBJECTS | CARD_READ_PINS | CARD_READ_LABEL,
                      &a->set) < 0)
        fail_msg("%s", card_error_sentence());
    a->card = NULL;
    for (size_t i = a->set.count; i-- > 0;) {
        card_identify(a->set.cards[i], &id);
        if (driver == NULL || strcmp(id.driver, driver) == 0)
            a->card = a->set.cards[i];
    }
    assert_non_null(a->card);
    assert_true(card_main_pin(a->card, &a->pin));
    sim_world_reset_counts(a->w.sim);
}

void admin_open(struct admin_world *a, const char *family,
                const char *const *settings, const char *driver)
{
    world_open_family(&a->w, family, settings);
    look(a, driver);
}

void admin_close(struct admin_world *a)
{
    card_set_free(&a->set);
    world_close(&a->w);
}

void admin_restart(struct admin_world *a, const char *driver)
{
    card_set_free(&a->set);
    world_restart(&a->w);
    look(a, driver);
}

size_t admin_pin(struct admin_world *a, const char *label)
{
    const struct card_pin_info *pin;

    for (size_t i = 0; (pin = card_pin_at(a->card, i)) != NULL; i++)
        if (strcmp(pin->label, label) == 0)
            return i;
    fail_msg("no \"%s\"", label);
    return 0;
}

int admin_verify(struct admin_world *a, size_t pin, const char *value)
{
    return card_verify_pin(a->card, pin, bytes_of_string(value), &person,
                           false, &a->result);
}

int admin_change(struct admin_world *a, size_t pin, const char *old,
                 const char *new)
{
    return card_change_pin(a->card, pin, bytes_of_string(old),
                           bytes_of_string(new), &person, false, &a->result);
}

int admin_unblock(struct admin_world *a, size_t pin, const char *puk,
                  const char *new)
{
    return card_unblock_pin(a->card, pin, bytes_of_string(puk),
                            bytes_of_string(new), &person, &a->result);
}

/* VERIFY without a body asks for the state. */
static bool carries_pin(struct bytes c)
{
    return c.len > 5 && (c.data[1] == INS_VERIFY ||
                         c.data[1] == INS_CHANGE_REFERENCE_DATA ||
                         c.data[1] == INS_RESET_RETRY_COUNTER);
}

size_t admin_sent(struct admin_world *a)
{
    size_t count = 0;

    for (size_t i = 0; i < sim_world_logged(a->w.sim); i++)
        count += carries_pin(sim_world_command(a->w.sim, i)) ? 1 : 0;
    return count;
}

size_t admin_sent_as(struct admin_world *a, uint8_t ins, uint8_t p1,
                     uint8_t p2)
{
    size_t count = 0;

    for (size_t i = 0; i < sim_world_logged(a->w.sim); i++) {
        struct bytes c = sim_world_command(a->w.sim, i);

        count += carries_pin(c) && c.data[1] == ins && c.data[2] == p1 &&
                         c.data[3] == p2 ? 1 : 0;
    }
    return count;
}

/* ---- fields -------------------------------------------------------------- */

struct wanted {
    const char *name;
    char *out;
    size_t cap;
    bool found;
};

static int take(void *arg, const struct card_field *field)
{
    struct wanted *w = arg;

    assert_true(field->source != NULL && field->value[0] != '\0');
    for (const char *c = field->value; *c != '\0'; c++)
        assert_true((unsigned char)*c >= ' ' && *c != 0x7F);
    if (!w->found && strcmp(field->name, w->name) == 0) {
        snprintf(w->out, w->cap, "%s", field->value);
        w->found = true;
    }
    return 0;
}

const char *admin_field(struct admin_world *a, const char *name, char *out,
                        size_t cap)
{
    struct wanted wanted = {name, out, cap, false};

    if (card_describe(a->card, take, &wanted) < 0)
        fail_msg("%s", card_error_sentence());
    return wanted.found ? out : NULL;
}

void admin_says_no_harm(const char *family, const char *const *settings)
{
    static const char *const damage[][2] = {
        {"damage", "lengths"}, {"damage", "6c"}, {"endless", "yes"}};
    struct admin_world a;
    char space[512];
    struct wanted wanted = {"", space, sizeof(space), false};

    for (size_t i = 0; i < nitems(damage); i++) {
        admin_open(&a, family, settings, NULL);
        world_set(&a.w, damage[i][0], damage[i][1]);
        if (card_describe(a.card, take, &wanted) < 0)
            assert_string_not_equal(card_error_sentence(), "");
        admin_close(&a);
    }
    admin_open(&a, family, settings, NULL);
    for (unsigned nth = 1; nth <= 8; nth++)
        for (int fault = SIM_FAULT_NONE + 1; fault < SIM_FAULT_END; fault++) {
            sim_world_fault(a.w.sim, nth, (enum sim_fault)fault, true);
            if (card_describe(a.card, take, &wanted) < 0)
                assert_string_not_equal(card_error_sentence(), "");
            sim_world_fault(a.w.sim, 0, SIM_FAULT_NONE, false);
        }
    assert_int_equal(card_describe(a.card, take, &wanted), 0);
    assert_int_equal(admin_sent(&a), 0);
    admin_close(&a);
}

void admin_says(struct admin_world *a, const char *name, const char *value)
{
    char space[512];
    const char *said = admin_field(a, name, space, sizeof(space));

    if (said == NULL)
        fail_msg("it says no %s", name);
    assert_string_equal(said, value);
}
