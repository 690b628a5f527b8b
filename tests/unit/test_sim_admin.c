/*
 * CHANGE REFERENCE DATA and RESET RETRY COUNTER on the simulated cards: what
 * each family's sheet says of them, and that no power failure leaves a card in
 * a state it could not come into otherwise.
 */
#define _DEFAULT_SOURCE /* mkdtemp */
#include "tests/unit/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "card/error.h"
#include "tests/sim/family.h"

enum { ANSWER_MAX = 600, PIN_TRIES = 3, STEPS = 4 };

#define Z4 "00000000"
#define Z8 Z4 Z4
#define Z20 Z8 Z8 Z4

/* Blocks as each card takes them: PIN 1234 or 123456, then 5678 or 567890. */
#define FF4_OLD "31323334FFFFFFFF"
#define FF4_NEW "35363738FFFFFFFF"
#define FF6_OLD "313233343536FFFF"
#define FF6_NEW "353637383930FFFF"
#define BARE_OLD "313233343536"
#define BARE_NEW "353637383930"
#define APPLET_OLD BARE_OLD Z8 "0000"
#define APPLET_NEW BARE_NEW Z8 "0000"
#define BCD_OLD "123456FFFFFFFFFF"
#define BCD_NEW "567890FFFFFFFFFF"
#define P15_OLD "31323334" Z8
#define P15_NEW "35363738" Z8
#define LONG_OLD "31323334" Z20
#define LONG_NEW "35363738" Z20
#define PUK "3132333435363738"
#define WRONG "3939393939393939"

/*
 * What a family takes. Of each list the last that is not NULL ends it.
 *
 *   change    all commands of a change; mistaken: one with a wrong old PIN
 *   unblock   all commands; wrong_puk: one with a wrong PUK
 */
static const struct admin_case {
    const char *name, *family;
    const char *settings[3];
    const char *select[2];
    const char *verify_old, *verify_new;
    const char *change[STEPS], *mistaken;
    const char *unblock[STEPS], *wrong_puk;
    unsigned puk_tries;
} cases[] = {
    {"cps3", "cps3", {NULL},
     {"00A4040C0DE828BD080F8025000001FF0010"},
     "0020000108" FF4_OLD, "0020000108" FF4_NEW,
     {"0020000108" FF4_OLD, "0024010108" FF4_NEW},
     "0024000110" WRONG FF4_NEW,
     {"0020000208" PUK, "002C020108" FF4_NEW}, "0020000208" WRONG, 10},
    {"ias gemalto", "ias", {"maker=gemalto"},
     {"00A4040C0EE828BD080FD25047656E65726963"},
     "0020000108" FF4_OLD, "0020000108" FF4_NEW,
     {"0024000110" FF4_OLD FF4_NEW}, "0024000110" WRONG FF4_NEW,
     {"0020000208" PUK, "002C020108" FF4_NEW}, "0020000208" WRONG, 10},
    {"ias oberthur", "ias", {"maker=oberthur"},
     {"00A4040010A000000077010800070000FE00000100",
      "00A4040C0EE828BD080FD2504543432D654944"},
     "0020000108" FF4_OLD, "0020000108" FF4_NEW,
     {"0024000110" FF4_OLD FF4_NEW}, "0024000110" WRONG FF4_NEW,
     {"002C000110" PUK FF4_NEW}, "002C000110" WRONG FF4_NEW, 10},
    {"ias mi", "ias", {"maker=mi"}, {"00A4040C064D494F4D4354"},
     "0020008108" FF4_OLD, "0020008108" FF4_NEW,
     {"0024008110" FF4_OLD FF4_NEW}, "0024008110" WRONG FF4_NEW,
     {"0020000208" PUK, "002C028108" FF4_NEW}, "0020000208" WRONG, 10},
    {"ias orange", "ias", {"maker=orange"}, {"00A4040C064F52414E4745"},
     "0020000118" LONG_OLD, "0020000118" LONG_NEW,
     {"0024000130" LONG_OLD LONG_NEW},
     "0024000130" "39393939" Z20 LONG_NEW,
     {"0020000218" PUK Z8 Z8, "002C020118" LONG_NEW},
     "0020000218" WRONG Z8 Z8, 10},
    {"cps4", "cps4", {NULL},
     {"01A4040C088025000001FF0100",
      "01A4040C0DE828BD080F8025000001FF0010"},
     "0120000108" FF4_OLD, "0120000108" FF4_NEW,
     {"0120000108" FF4_OLD, "0124010108" FF4_NEW}, "0120000108" WRONG,
     {"0120000208" PUK, "012C0381", "0124010108" FF4_NEW},
     "0120000208" WRONG, 3},
    {"piv", "piv", {NULL}, {"00A4040009A00000030800001000"},
     "0020008008" FF6_OLD, "0020008008" FF6_NEW,
     {"0024008010" FF6_OLD FF6_NEW}, "0024008010" WRONG FF6_NEW,
     {"002C008010" PUK FF6_NEW}, "002C008010" WRONG FF6_NEW, 3},
    {"yubikey", "yubikey", {NULL}, {"00A4040009A00000030800001000"},
     "0020008008" FF6_OLD, "0020008008" FF6_NEW,
     {"0024008010" FF6_OLD FF6_NEW}, "0024008010" WRONG FF6_NEW,
     {"002C008010" PUK FF6_NEW}, "002C008010" WRONG FF6_NEW, 3},
    {"openpgp", "openpgp", {NULL}, {"00A4040006D27600012401"},
     "0020008106" BARE_OLD, "0020008106" BARE_NEW,
     {"002400810C" BARE_OLD BARE_NEW}, "002400810E" WRONG BARE_NEW,
     {"0020008308" PUK, "002C028106" BARE_NEW}, "0020008308" WRONG, 3},
    {"iso15 plain", "iso15", {NULL}, {NULL},
     "0020008108" FF6_OLD, "0020008108" FF6_NEW,
     {"0024008110" FF6_OLD FF6_NEW}, "0024008110" WRONG FF6_NEW,
     {"002C008110" PUK FF6_NEW}, "002C008110" WRONG FF6_NEW, 5},
    {"iso15 bare", "iso15", {"pin-format=bare"}, {NULL},
     "0020008106" BARE_OLD, "0020008106" BARE_NEW,
     {"002400810C" BARE_OLD BARE_NEW}, "002400810E" WRONG BARE_NEW,
     {"002C00810E" PUK BARE_NEW}, "002C00810E" WRONG BARE_NEW, 5},
    {"iso15 myeid", "iso15", {"kind=myeid"}, {NULL},
     "0020000108" FF6_OLD, "0020000108" FF6_NEW,
     {"0024000110" FF6_OLD FF6_NEW}, "0024000110" WRONG FF6_NEW,
     {"002C000110" PUK FF6_NEW}, "002C000110" WRONG FF6_NEW, 5},
    {"iso15 isoapplet", "iso15", {"kind=isoapplet"},
     {"00A404000CF276A288BCFBA69D34F31001"},
     "0020000106" BARE_OLD, "0020000106" BARE_NEW,
     {"0024000120" APPLET_OLD APPLET_NEW},
     "0024000120" WRONG WRONG APPLET_NEW,
     {"002C000116" PUK "3930313233343536" BARE_NEW},
     "002C000116" WRONG WRONG BARE_NEW, 5},
    {"gemsafe", "gemsafe", {NULL}, {"00A4040C0CA0000000180A000001634200"},
     "0020000108" BCD_OLD, "0020000108" BCD_NEW,
     {"0024000110" BCD_OLD BCD_NEW}, "0024000110" WRONG BCD_NEW,
     {"002C000110" "654321FFFFFFFFFF" BCD_NEW},
     "002C000110" WRONG BCD_NEW, 3},
    {"gemsafe-v3", "gemsafe-v3", {NULL},
     {"00A4040C0CA0000000180C000001634200"},
     "0020000108" BCD_OLD, "0020000108" BCD_NEW,
     {"0024000110" BCD_OLD BCD_NEW}, "0024000110" WRONG BCD_NEW,
     {"002C000110" "654321FFFFFFFFFF" BCD_NEW},
     "002C000110" WRONG BCD_NEW, 3},
    {"gemp15", "gemp15", {NULL}, {"00A4000C025000"},
     "002000110C" P15_OLD, "002000110C" P15_NEW,
     {"0024001118" P15_OLD P15_NEW}, "0024001118" WRONG Z4 P15_NEW,
     {"002C001118" PUK Z4 P15_NEW}, "002C001118" WRONG Z4 P15_NEW, 3},
};

/* ---- a card -------------------------------------------------------------- */

static char folder[] = "/tmp/tessera-admin-XXXXXX";

struct world {
    const struct admin_case *family;
    struct applet *card;
    char state[64];
};

static void put_in(struct world *w)
{
    const struct sim_options options = {getenv("TESSERA_SIM_DIR"), w->state,
                                        w->family->settings};

    if (sim_card_new(w->family->family, &options, &w->card) < 0)
        fail_msg("%s: %s", w->family->name, card_error_sentence());
}

static void take_out(struct world *w)
{
    w->card->ops->free(w->card);
    w->card = NULL;
}

/* The answer's status word. */
static unsigned send(struct world *w, const char *command)
{
    uint8_t command_space[300], answer_space[ANSWER_MAX];
    struct buf raw = BUF_ON(command_space), rsp = BUF_ON(answer_space);

    assert_int_equal(bytes_from_hex(command, &raw), 0);
    assert_int_equal(w->card->ops->process(w->card, buf_view(&raw), &rsp), 0);
    assert_true(rsp.len >= 2);
    return (unsigned)(rsp.data[rsp.len - 2] << 8 | rsp.data[rsp.len - 1]);
}

static void must(struct world *w, const char *command, unsigned sw)
{
    unsigned said = send(w, command);

    if (said != sw)
        fail_msg("%s: %s is answered %04X, not %04X", w->family->name,
                 command, said, sw);
}

static void must_not(struct world *w, const char *command)
{
    if (send(w, command) == 0x9000)
        fail_msg("%s: %s is answered 9000", w->family->name, command);
}

/* The first `count` of them, or all there are. */
static size_t send_all(struct world *w, const char *const *commands,
                       size_t count)
{
    size_t n = 0;

    for (; n < count && n < STEPS && commands[n] != NULL; n++)
        must(w, commands[n], 0x9000);
    return n;
}

/* In the application, where SELECT's answer is no matter. */
static void select_it(struct world *w)
{
    for (size_t i = 0; i < 2 && w->family->select[i] != NULL; i++)
        assert_true(send(w, w->family->select[i]) >> 8 != 0x6A);
}

/* As after a power failure: only what was written is still there. */
static void restart(struct world *w)
{
    take_out(w);
    put_in(w);
    select_it(w);
}

static void tries_are(struct world *w, unsigned pin, unsigned puk)
{
    struct applet_tries tries;

    w->card->ops->tries(w->card, &tries);
    if (tries.pin != pin || tries.puk != puk)
        fail_msg("%s: tries are %u %u, not %u %u", w->family->name, tries.pin,
                 tries.puk, pin, puk);
}

static void set(struct world *w, const char *name, const char *value)
{
    if (w->card->ops->set(w->card, name, value) < 0)
        fail_msg("%s: %s", w->family->name, card_error_sentence());
}

static void forget(const struct world *w)
{
    static const char *const parts[] = {"", ".piv", ".openpgp"};
    char path[128];

    for (size_t i = 0; i < nitems(parts); i++) {
        snprintf(path, sizeof(path), "%s%s", w->state, parts[i]);
        unlink(path);
    }
}

static void begin(struct world *w, const struct admin_case *family)
{
    memset(w, 0, sizeof(*w));
    w->family = family;
    snprintf(w->state, sizeof(w->state), "%s/state", folder);
    put_in(w);
    select_it(w);
}

static void end(struct world *w)
{
    take_out(w);
    forget(w);
}

static void of_each(void (*check)(struct world *w))
{
    struct world w;

    for (size_t i = 0; i < nitems(cases); i++) {
        begin(&w, &cases[i]);
        check(&w);
        end(&w);
    }
}

static const struct admin_case *case_of(const char *name)
{
    for (size_t i = 0; i < nitems(cases); i++)
        if (strcmp(cases[i].name, name) == 0)
            return &cases[i];
    fail_msg("no case %s", name);
    return NULL;
}

/* ---- every family -------------------------------------------------------- */

static void check_change(struct world *w)
{
    send_all(w, w->family->change, STEPS);
    restart(w);
    must(w, w->family->verify_new, 0x9000);
    must_not(w, w->family->verify_old);
    tries_are(w, PIN_TRIES - 1, w->family->puk_tries);
}

static void test_change_of_each_family_lasts(void **state)
{
    (void)state;
    of_each(check_change);
}

static void check_mistaken(struct world *w)
{
    must_not(w, w->family->mistaken);
    tries_are(w, PIN_TRIES - 1, w->family->puk_tries);
    restart(w);
    tries_are(w, PIN_TRIES - 1, w->family->puk_tries);
    must_not(w, w->family->verify_new);
    must(w, w->family->verify_old, 0x9000);
    tries_are(w, PIN_TRIES, w->family->puk_tries);
}

static void test_change_with_a_wrong_pin_costs_one_try(void **state)
{
    (void)state;
    of_each(check_mistaken);
}

static void check_blocked(struct world *w)
{
    size_t last = 0;

    set(w, "tries", "0");
    for (; last < STEPS && w->family->change[last] != NULL; last++)
        must_not(w, w->family->change[last]);
    must(w, w->family->verify_old, 0x6983);
    tries_are(w, 0, w->family->puk_tries);
}

static void test_change_of_a_blocked_pin_is_refused(void **state)
{
    (void)state;
    of_each(check_blocked);
}

static void check_unblock(struct world *w)
{
    set(w, "tries", "0");
    send_all(w, w->family->unblock, STEPS);
    restart(w);
    tries_are(w, PIN_TRIES, w->family->puk_tries);
    must(w, w->family->verify_new, 0x9000);
    must_not(w, w->family->verify_old);
}

static void test_unblock_gives_a_new_pin_and_all_tries(void **state)
{
    (void)state;
    of_each(check_unblock);
}

static void check_wrong_puk(struct world *w)
{
    set(w, "tries", "0");
    for (unsigned left = w->family->puk_tries; left > 0; left--) {
        tries_are(w, 0, left);
        must_not(w, w->family->wrong_puk);
        restart(w);
    }
    tries_are(w, 0, 0);
    for (size_t i = 0; i < STEPS && w->family->unblock[i] != NULL; i++)
        must_not(w, w->family->unblock[i]);
    must(w, w->family->unblock[0], 0x6983);
    tries_are(w, 0, 0);
}

static void test_wrong_puks_block_it_for_ever(void **state)
{
    (void)state;
    of_each(check_wrong_puk);
}

static void check_counters(struct world *w)
{
    set(w, "tries", "2");
    set(w, "puk-tries", "1");
    restart(w);
    tries_are(w, 2, 1);
    set(w, "puk-tries", "0");
    set(w, "wrong", "none");
    tries_are(w, 2, 0);
    assert_true(w->card->ops->set(w->card, "tries", "many") < 0);
}

static void test_counters_are_set(void **state)
{
    (void)state;
    of_each(check_counters);
}

static void test_a_new_card_is_made_with_other_counters(void **state)
{
    static const char *const families[] = {"cps3", "ias",   "cps4",   "piv",
                                           "openpgp", "iso15", "gemsafe"};
    static const char *const settings[] = {"tries=0", "puk-tries=4", NULL};
    const struct sim_options options = {getenv("TESSERA_SIM_DIR"), NULL,
                                        settings};
    struct applet_tries tries;
    struct applet *card;

    (void)state;
    for (size_t i = 0; i < nitems(families); i++) {
        assert_int_equal(sim_card_new(families[i], &options, &card), 0);
        card->ops->tries(card, &tries);
        assert_int_equal(tries.pin, 0);
        assert_int_equal(tries.puk, 4);
        card->ops->free(card);
    }
}

/* ---- power failures ------------------------------------------------------ */

/* One of the two PINs, and not the other; or none, and no tries. */
static void check_sound(struct world *w, bool changed)
{
    struct applet_tries tries;

    w->card->ops->tries(w->card, &tries);
    if (tries.pin == 0) {
        assert_false(changed);
        must(w, w->family->verify_old, 0x6983);
        return;
    }
    assert_int_equal(tries.pin, PIN_TRIES);
    must_not(w, changed ? w->family->verify_old : w->family->verify_new);
    must(w, changed ? w->family->verify_new : w->family->verify_old, 0x9000);
}

/* Power fails behind each of the commands, which is before the next. */
static void tear_each(const struct admin_case *family,
                      const char *const *commands, const char *tries)
{
    struct world w;
    size_t count = 0;

    while (count < STEPS && commands[count] != NULL)
        count++;
    for (size_t n = 0; n <= count; n++) {
        begin(&w, family);
        set(&w, "tries", tries);
        send_all(&w, commands, n);
        restart(&w);
        tries_are(&w, n == 0 ? (unsigned)atoi(tries) : n == count
                  ? PIN_TRIES : (unsigned)atoi(tries), family->puk_tries);
        check_sound(&w, n == count);
        end(&w);
    }
}

static void test_power_failure_leaves_the_old_pin_or_the_new(void **state)
{
    (void)state;
    for (size_t i = 0; i < nitems(cases); i++)
        tear_each(&cases[i], cases[i].change, "3");
}

static void test_power_failure_while_unblocking_leaves_it_blocked(void **state)
{
    (void)state;
    for (size_t i = 0; i < nitems(cases); i++)
        if (strcmp(cases[i].name, "cps4") != 0)
            tear_each(&cases[i], cases[i].unblock, "0");
}

/* The CPS4's RESET RETRY COUNTER brings no PIN: the old one serves again. */
static void test_cps4_torn_behind_the_reset_has_its_old_pin(void **state)
{
    struct world w;

    (void)state;
    begin(&w, case_of("cps4"));
    set(&w, "tries", "0");
    send_all(&w, w.family->unblock, 2);
    restart(&w);
    tries_are(&w, PIN_TRIES, 3);
    must(&w, w.family->unblock[2], 0x6982);
    must(&w, w.family->verify_old, 0x9000);
    end(&w);
}

/* A card whose memory fails has neither lost a try for it nor changed. */
static void check_memory(struct world *w)
{
    char away[sizeof(folder) + 8];
    size_t last = 0;

    snprintf(away, sizeof(away), "%s-away", folder);
    while (last + 1 < STEPS && w->family->change[last + 1] != NULL)
        last++;
    send_all(w, w->family->change, last);
    assert_int_equal(rename(folder, away), 0);
    must(w, w->family->change[last], 0x6581);
    assert_int_equal(rename(away, folder), 0);
    must_not(w, w->family->verify_new);
    must(w, w->family->verify_old, 0x9000);
    restart(w);
    tries_are(w, PIN_TRIES, w->family->puk_tries);
    must(w, w->family->verify_old, 0x9000);
}

static void test_change_that_is_not_written_is_none(void **state)
{
    (void)state;
    of_each(check_memory);
}

/* ---- what is one family's ------------------------------------------------ */

static void test_lengths_and_characters_are_checked_before_the_pin(void **state)
{
    struct world w;

    (void)state;
    begin(&w, case_of("piv"));
    must(&w, "002400800E" FF6_OLD BARE_NEW, 0x6A80);
    must(&w, "0024008010" WRONG "3536373839FFFFFF", 0x6A80);
    must(&w, "0024008010" WRONG "35363738393041FF", 0x6A80);
    must(&w, "002C008110" PUK FF6_NEW, 0x6A88);
    tries_are(&w, 3, 3);
    end(&w);
    begin(&w, case_of("openpgp"));
    must(&w, "002400810B" WRONG "353637", 0x6700);
    tries_are(&w, 3, 3);
    end(&w);
    begin(&w, case_of("iso15 isoapplet"));
    must(&w, "002400010C" BARE_OLD BARE_NEW, 0x6700);
    must(&w, "002C000113" PUK PUK "353637", 0x6700);
    tries_are(&w, 3, 5);
    end(&w);
}

static void test_piv_puk_is_changed_too(void **state)
{
    struct world w;

    (void)state;
    begin(&w, case_of("piv"));
    must(&w, "0024008110" WRONG FF6_NEW, 0x63C2);
    tries_are(&w, 3, 2);
    must(&w, "0024008110" PUK "3837363534333231", 0x9000);
    set(&w, "tries", "0");
    restart(&w);
    must(&w, "002C008010" PUK FF6_NEW, 0x63C2);
    must(&w, "002C0080103837363534333231" FF6_NEW, 0x9000);
    tries_are(&w, 3, 3);
    end(&w);
}

static void test_yubikey_tells_tries_of_pin_and_puk(void **state)
{
    uint8_t space[64];
    struct buf rsp = BUF_ON(space);
    static const uint8_t of_pin[] = {0x00, 0xF7, 0x00, 0x80, 0x00};
    static const uint8_t of_puk[] = {0x00, 0xF7, 0x00, 0x81, 0x00};
    struct world w;

    (void)state;
    begin(&w, case_of("yubikey"));
    set(&w, "piv.tries", "0");
    must(&w, "002C008010" WRONG FF6_NEW, 0x63C2);
    assert_int_equal(w.card->ops->process(w.card, BYTES_OF(of_pin), &rsp), 0);
    assert_bytes_hex(buf_view(&rsp), "0101FF050100060203009000");
    rsp.len = 0;
    assert_int_equal(w.card->ops->process(w.card, BYTES_OF(of_puk), &rsp), 0);
    assert_bytes_hex(buf_view(&rsp), "0101FF050100060203029000");
    end(&w);
}

static void expect(struct world *w, const char *command, const char *answer)
{
    uint8_t command_space[64], answer_space[ANSWER_MAX];
    struct buf raw = BUF_ON(command_space), rsp = BUF_ON(answer_space);

    assert_int_equal(bytes_from_hex(command, &raw), 0);
    assert_int_equal(w->card->ops->process(w->card, buf_view(&raw), &rsp), 0);
    assert_bytes_hex(buf_view(&rsp), answer);
}

#define PW_STATUS "00CA00C400"
#define BY_CODE "002C00810E" "6162636465666768" BARE_NEW

static void test_openpgp_resetting_code_is_none_until_it_is_set(void **state)
{
    struct world w;

    (void)state;
    begin(&w, case_of("openpgp"));
    set(&w, "tries", "0");
    expect(&w, PW_STATUS, "007F7F7F0000039000");
    must(&w, BY_CODE, 0x6983);
    must(&w, "00DA00D3086162636465666768", 0x6982);
    must(&w, "0020008308" PUK, 0x9000);
    must(&w, "00DA00D3086162636465666768", 0x9000);
    restart(&w);
    expect(&w, PW_STATUS, "007F7F7F0003039000");
    must(&w, "002C00810E" WRONG BARE_NEW, 0x6982);
    expect(&w, PW_STATUS, "007F7F7F0002039000");
    must(&w, "002C028106" BARE_NEW, 0x6982);
    must(&w, BY_CODE, 0x9000);
    expect(&w, PW_STATUS, "007F7F7F0303039000");
    must(&w, w.family->verify_new, 0x9000);
    end(&w);
}

static void test_openpgp_pw3_is_changed_too(void **state)
{
    struct world w;

    (void)state;
    begin(&w, case_of("openpgp"));
    must(&w, "0024008310" WRONG FF6_NEW, 0x6982);
    must(&w, "0024008310" PUK "3837363534333231", 0x9000);
    restart(&w);
    must(&w, "0020008308" PUK, 0x6982);
    must(&w, "00200083083837363534333231", 0x9000);
    end(&w);
}

static void test_cps3_puk_is_used_up(void **state)
{
    struct world w;

    (void)state;
    begin(&w, case_of("cps3"));
    set(&w, "puk-uses", "1");
    must(&w, "0020000208" PUK, 0x9000);
    must(&w, "002C020108" FF4_NEW, 0x9000);
    restart(&w);
    tries_are(&w, 3, 10);
    must(&w, "0020000208" PUK, 0x6983);
    end(&w);
}

static void test_ias_resets_as_its_objects_say(void **state)
{
    struct world w;

    (void)state;
    begin(&w, case_of("ias gemalto"));
    must(&w, "002C000110" PUK FF4_NEW, 0x6982);
    must(&w, "002C020108" FF4_NEW, 0x6982);
    end(&w);
    begin(&w, case_of("ias oberthur"));
    must(&w, "0020000208" PUK, 0x9000);
    must(&w, "002C020108" FF4_NEW, 0x6A86);
    end(&w);
}

/* ---- personal data of a CPS3 --------------------------------------------- */

static void test_cps3_activities_want_the_pin(void **state)
{
    struct world w;

    (void)state;
    begin(&w, case_of("cps3"));
    must(&w, "00A4020C02D107", 0x9000);
    must(&w, "00B0000004", 0x9000);
    must(&w, "00A4020C02D120", 0x9000);
    must(&w, "00B0000004", 0x6982);
    must(&w, w.family->verify_old, 0x9000);
    expect(&w, "00B000002E",
           "EE2C8418434142494E45542044454E544149524520445520504F5254"
           "850A31304230333037333737860453413037" "9000");
    must(&w, "00A4020C02D121", 0x9000);
    must(&w, "00B0000002", 0x9000);
    must(&w, "00A4020C02D122", 0x6A82);
    must(&w, "00A4020C02D12F", 0x6A82);
    end(&w);
}

/* ---- main ---------------------------------------------------------------- */

#define TEST(function) cmocka_unit_test(function)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_change_of_each_family_lasts),
        TEST(test_change_with_a_wrong_pin_costs_one_try),
        TEST(test_change_of_a_blocked_pin_is_refused),
        TEST(test_unblock_gives_a_new_pin_and_all_tries),
        TEST(test_wrong_puks_block_it_for_ever),
        TEST(test_counters_are_set),
        TEST(test_a_new_card_is_made_with_other_counters),
        TEST(test_power_failure_leaves_the_old_pin_or_the_new),
        TEST(test_power_failure_while_unblocking_leaves_it_blocked),
        TEST(test_cps4_torn_behind_the_reset_has_its_old_pin),
        TEST(test_change_that_is_not_written_is_none),
        TEST(test_lengths_and_characters_are_checked_before_the_pin),
        TEST(test_piv_puk_is_changed_too),
        TEST(test_yubikey_tells_tries_of_pin_and_puk),
        TEST(test_openpgp_resetting_code_is_none_until_it_is_set),
        TEST(test_openpgp_pw3_is_changed_too),
        TEST(test_cps3_puk_is_used_up),
        TEST(test_ias_resets_as_its_objects_say),
        TEST(test_cps3_activities_want_the_pin),
    };
    int failed;

    if (getenv("TESSERA_SIM_DIR") == NULL || mkdtemp(folder) == NULL) {
        fputs("TESSERA_SIM_DIR is not set, or /tmp is not there\n", stderr);
        return 1;
    }
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    rmdir(folder);
    return failed;
}
