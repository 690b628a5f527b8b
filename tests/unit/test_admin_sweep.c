/*
 * The every-Nth-APDU sweep (reliability B19) over changing and unblocking: each
 * family, each APDU, each fault, once and from then on. The outcome is a true
 * word on the PIN that the card has then, no value goes out a second time, and
 * card and program are of use afterwards.
 */
#define _XOPEN_SOURCE 700 /* mkdtemp, nftw */
#include <ftw.h>
#include "tests/unit/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "card/admin.h"
#include "card/wire/apdu.h"
#include "tests/unit/card_world.h"

enum { MAX_SENT = 8, COMMAND_MAX = 300 };

static const struct family {
    const char *title, *name, *driver; /* NULL: the only application */
    const char *settings[4];
    const char *blocked; /* setting that blocks the PIN */
    const char *old, *new, *puk;
} families[] = {
    {"CPS3", "cps3", NULL, {NULL}, "tries", "1234", "5678", "12345678"},
    {"IAS ECC, Gemalto", "ias", NULL, {"maker=gemalto"}, "tries", "1234",
     "5678", "12345678"},
    {"IAS ECC, Oberthur", "ias", NULL, {"maker=oberthur"}, "tries", "1234",
     "5678", "12345678"},
    {"IAS ECC, Morpho", "ias", NULL, {"maker=mi"}, "tries", "1234", "5678",
     "12345678"},
    {"IAS ECC, Orange", "ias", NULL, {"maker=orange"}, "tries", "1234",
     "5678", "12345678"},
    {"CPS4", "cps4", NULL, {NULL}, "tries", "1234", "5678", "12345678"},
    {"CPS4, T=0", "cps4", NULL, {"t1=no"}, "tries", "1234", "5678",
     "12345678"},
    {"PIV", "piv", NULL, {NULL}, "tries", "123456", "567890", "12345678"},
    {"YubiKey, PIV", "yubikey", "piv", {NULL}, "piv.tries", "123456",
     "567890", "12345678"},
    {"YubiKey, OpenPGP", "yubikey", "openpgp", {NULL}, "openpgp.tries",
     "123456", "567890", "12345678"},
    {"OpenPGP", "openpgp", NULL, {NULL}, "tries", "123456", "567890",
     "12345678"},
    {"OpenPGP, KDF", "openpgp", NULL, {"kdf=yes"}, "tries", "123456",
     "567890", "12345678"},
    {"OpenPGP, resetting code", "openpgp", NULL,
     {"resetting-code=87654321", "card=gnuk"}, "tries", "123456", "567890",
     "87654321"},
    {"ISO 7816-15", "iso15", NULL, {NULL}, "tries", "123456", "567890",
     "12345678"},
    {"MyEID", "iso15", NULL, {"kind=myeid"}, "tries", "123456", "567890",
     "12345678"},
    {"IsoApplet", "iso15", NULL, {"kind=isoapplet"}, "tries", "123456",
     "567890", "1234567890123456"},
    {"GemSafe V1", "gemsafe", NULL, {NULL}, "tries", "123456", "567890",
     "654321"},
    {"GemSafe V3", "gemsafe-v3", NULL, {NULL}, "tries", "123456", "567890",
     "654321"},
    {"GemP15", "gemp15", NULL, {NULL}, "tries", "1234", "5678", "12345678"},
};

enum operation { CHANGE, UNBLOCK };
static const char *const operation_names[] = {"change", "unblock"};

struct totals {
    unsigned runs, outcomes[CARD_UNKNOWN + 1], wrong, again;
};

/* Commands that carried a PIN. */
struct sent {
    struct {
        uint8_t data[COMMAND_MAX];
        size_t len;
    } command[MAX_SENT];
    size_t count, setting;
};

/* One of them: `other` is what another program does before we begin. */
struct trouble {
    unsigned nth;
    enum sim_fault fault;
    bool lasting;
    enum sim_tear tear;
    enum sim_intrusion other;
};

struct run {
    const struct family *f;
    enum operation what;
    struct trouble trouble;
    struct totals *totals;
    struct card_world w;
    struct card_set set;
    struct card *card;
    size_t pin;
    struct applet_tries before;
    struct card_pin_result result;
    int rc;
    char sentence[512];
};

/* ---- a card and its state ------------------------------------------------ */

static void complain(struct run *r, unsigned *count, const char *found)
{
    static const char *const outcomes[] = {"not done", "done", "unknown"};
    const struct trouble *t = &r->trouble;

    (*count)++;
    printf("%s, %s, APDU %u, %s%s tear %d other %d: %s (said: %s, %d, %s)\n",
           r->f->title, operation_names[r->what], t->nth,
           sim_fault_name(t->fault), t->lasting ? " from then on" : "",
           (int)t->tear, (int)t->other, found, outcomes[r->result.outcome],
           r->rc, r->sentence);
}

static struct applet_tries tries_of(struct run *r)
{
    struct applet_tries tries;

    r->w.card->ops->tries(r->w.card, &tries);
    return tries;
}

static struct card *find(const struct family *f, struct card_set *set)
{
    struct card_identity id;

    for (size_t i = 0; i < set->count; i++) {
        card_identify(set->cards[i], &id);
        if (f->driver == NULL || strcmp(id.driver, f->driver) == 0)
            return set->cards[i];
    }
    return NULL;
}

static struct card *open_card(const struct family *f, struct card_context *ctx,
                              struct card_set *set, size_t *pin)
{
    struct card *card;

    if (card_open_all(ctx, "Sim 0", 0, CARD_READ_PINS, set) < 0)
        fail_msg("%s: %s", f->title, card_error_sentence());
    card = find(f, set);
    assert_non_null(card);
    assert_true(card_main_pin(card, pin));
    return card;
}

static void begin(struct run *r)
{
    world_open_family(&r->w, r->f->name, r->f->settings);
    if (r->what == UNBLOCK)
        world_set(&r->w, r->f->blocked, "0");
    r->card = open_card(r->f, r->w.ctx, &r->set, &r->pin);
    r->before = tries_of(r);
}

static void end(struct run *r)
{
    card_set_free(&r->set);
    world_close(&r->w);
}

static int verify(struct card *card, size_t pin, const char *value,
                  enum card_outcome *outcome)
{
    const struct card_try person = {.told = -1, .last_try = true};
    struct card_pin_result result;
    int rc = card_verify_pin(card, pin, bytes_of_string(value), &person, false,
                             &result);

    *outcome = result.outcome;
    return rc;
}

/* By another program, that has seen nothing of what was: NULL if blocked. */
static const char *true_pin(struct run *r)
{
    const char *const values[] = {r->f->old, r->f->new};
    struct card_context *ctx;
    enum card_outcome outcome;
    struct card_set set;
    struct card *card;
    const char *found = NULL;
    size_t pin;

    assert_int_equal(card_context_new(&r->w.settings, &ctx), 0);
    card = open_card(r->f, ctx, &set, &pin);
    for (size_t i = 0; found == NULL && i < nitems(values); i++)
        if (verify(card, pin, values[i], &outcome) == 0)
            found = values[i];
    card_set_free(&set);
    card_context_free(ctx);
    return found;
}

/* ---- what went out ------------------------------------------------------- */

static bool sets_pin(uint8_t ins)
{
    return ins == INS_CHANGE_REFERENCE_DATA || ins == INS_RESET_RETRY_COUNTER;
}

/* VERIFY without a body asks for the state. */
static void collect(struct run *r, struct sent *sent)
{
    memset(sent, 0, sizeof(*sent));
    for (size_t i = 0; i < sim_world_logged(r->w.sim); i++) {
        struct bytes c = sim_world_command(r->w.sim, i);
        uint8_t ins = c.data[1];

        if (!sets_pin(ins) && (ins != INS_VERIFY || c.len <= 5))
            continue;
        assert_true(sent->count < MAX_SENT && c.len <= COMMAND_MAX);
        memcpy(sent->command[sent->count].data, c.data, c.len);
        sent->command[sent->count++].len = c.len;
        sent->setting += sets_pin(ins) ? 1 : 0;
    }
}

static struct bytes command_at(const struct sent *sent, size_t i)
{
    return bytes_from(sent->command[i].data, sent->command[i].len);
}

/*
 * Each command at most once, and no more of them than it takes. They may be
 * others than without a fault: an IAS card that does not tell of its PIN
 * objects is taken for one without.
 */
static bool went_out_once(const struct sent *sent, const struct sent *clean)
{
    for (size_t i = 0; i < sent->count; i++)
        for (size_t n = 0; n < i; n++)
            if (bytes_equal(command_at(sent, i), command_at(sent, n)))
                return false;
    return sent->count <= clean->count && sent->setting <= clean->setting;
}

/* ---- one run ------------------------------------------------------------- */

static void do_it(struct run *r)
{
    const struct card_try person = {.told = -1, .last_try = true};
    struct bytes old = bytes_of_string(r->f->old);
    struct bytes new = bytes_of_string(r->f->new);

    sim_world_reset_counts(r->w.sim);
    r->rc = r->what == CHANGE
                ? card_change_pin(r->card, r->pin, old, new, &person, false,
                                  &r->result)
                : card_unblock_pin(r->card, r->pin,
                                   bytes_of_string(r->f->puk), new, &person,
                                   &r->result);
    snprintf(r->sentence, sizeof(r->sentence), "%s", card_error_sentence());
}

static void arm(struct run *r)
{
    const struct trouble *t = &r->trouble;

    sim_world_fault(r->w.sim, t->nth, t->fault, t->lasting);
    sim_world_tear(r->w.sim, t->nth, t->tear);
    sim_world_intrude(r->w.sim, 1, t->other);
}

static void disarm(struct run *r)
{
    sim_world_fault(r->w.sim, 0, SIM_FAULT_NONE, false);
    sim_world_tear(r->w.sim, 0, SIM_TEAR_NONE);
    sim_world_intrude(r->w.sim, 0, SIM_OTHER_NONE);
}

/*
 * 6100 says that it was done. That a card says so and does nothing, nobody can
 * see.
 */
static void check_word(struct run *r, const char *pin, const struct sent *sent)
{
    bool is_new = pin != NULL && strcmp(pin, r->f->new) == 0;
    bool lied = r->trouble.fault == SIM_FAULT_6100;
    unsigned *wrong = &r->totals->wrong;

    r->totals->outcomes[r->result.outcome]++;
    if ((r->rc == 0) != (r->result.outcome == CARD_DONE))
        complain(r, wrong, "error and outcome differ");
    if (r->rc < 0 && r->sentence[0] == '\0')
        complain(r, wrong, "no sentence");
    if (r->result.outcome == CARD_DONE && !is_new && !lied)
        complain(r, wrong, "it is not done");
    if (r->result.outcome == CARD_NOT_DONE && is_new)
        complain(r, wrong, "it is done");
    if (r->result.outcome == CARD_UNKNOWN && sent->setting == 0)
        complain(r, wrong, "nothing was sent that could be in doubt");
    if (r->what == CHANGE && pin == NULL)
        complain(r, wrong, "the PIN is lost");
}

/* The right values were presented: nothing may have been lost. */
static void check_tries(struct run *r)
{
    struct applet_tries now = tries_of(r);

    if (now.pin < r->before.pin || now.puk < r->before.puk)
        complain(r, &r->totals->wrong, "a try is lost");
}

/* Of a PIN that is blocked as it was. */
static void check_unblock(struct run *r)
{
    do_it(r);
    if (r->rc < 0)
        complain(r, &r->totals->wrong, "it cannot be unblocked");
}

/* By the program that had the trouble. */
static void check_use(struct run *r, const char *pin)
{
    enum card_outcome outcome;
    int rc = verify(r->card, r->pin, pin != NULL ? pin : r->f->old, &outcome);

    if (rc != (pin != NULL ? 0 : CARD_E_PIN_LOCKED))
        complain(r, &r->totals->wrong, card_error_sentence());
    if (pin == NULL)
        check_unblock(r);
}

static void run_with(const struct run *like, const struct trouble *trouble,
                     const struct sent *clean)
{
    struct run r = *like;
    struct sent sent;
    const char *pin;

    r.trouble = *trouble;
    begin(&r);
    arm(&r);
    do_it(&r);
    disarm(&r);
    r.totals->runs++;
    collect(&r, &sent);
    if (!went_out_once(&sent, clean))
        complain(&r, &r.totals->again, "a PIN went out again");
    check_tries(&r);
    pin = true_pin(&r);
    check_word(&r, pin, &sent);
    check_use(&r, pin);
    end(&r);
}

/* ---- all of them --------------------------------------------------------- */

/* How many APDUs it takes, and which of them carry a PIN. */
static unsigned run_clean(const struct run *like, struct sent *sent)
{
    struct run r = *like;
    const char *pin;
    unsigned apdus;

    begin(&r);
    do_it(&r);
    if (r.rc < 0 || r.result.outcome != CARD_DONE)
        fail_msg("%s, %s without a fault: %s", r.f->title,
                 operation_names[r.what], r.sentence);
    apdus = world_transmits(&r.w);
    collect(&r, sent);
    pin = true_pin(&r);
    assert_non_null(pin);
    assert_string_equal(pin, r.f->new);
    end(&r);
    return apdus;
}

static void sweep_operation(const struct run *like)
{
    struct sent clean;
    unsigned apdus = run_clean(like, &clean);

    for (unsigned nth = 1; nth <= apdus; nth++) {
        for (int fault = SIM_FAULT_NONE + 1; fault < SIM_FAULT_END; fault++)
            for (int lasting = 0; lasting <= 1; lasting++)
                run_with(like, &(struct trouble){
                             .nth = nth, .fault = (enum sim_fault)fault,
                             .lasting = lasting != 0}, &clean);
        for (int tear = SIM_TEAR_BEFORE; tear <= SIM_TEAR_AFTER; tear++)
            run_with(like, &(struct trouble){
                         .nth = nth, .tear = (enum sim_tear)tear}, &clean);
    }
    for (int other = SIM_OTHER_RESET; other <= SIM_OTHER_FILE; other++)
        run_with(like, &(struct trouble){
                     .other = (enum sim_intrusion)other}, &clean);
}

/* What cmocka hands to a test. */
struct task {
    const struct family *family;
    struct totals *totals;
};

static void sweep_family(void **state)
{
    const struct task *task = *state;
    struct totals before = *task->totals;

    for (int what = CHANGE; what <= UNBLOCK; what++) {
        const struct run like = {.f = task->family,
                                 .what = (enum operation)what,
                                 .totals = task->totals};

        sweep_operation(&like);
    }
    assert_int_equal(task->totals->wrong, before.wrong);
    assert_int_equal(task->totals->again, before.again);
}

static int remove_one(const char *path, const struct stat *st, int type,
                      struct FTW *ftw)
{
    (void)st;
    (void)type;
    (void)ftw;
    return remove(path);
}

int main(void)
{
    struct CMUnitTest tests[nitems(families)];
    struct task tasks[nitems(families)];
    struct totals totals = {.runs = 0};
    char folder[] = "/tmp/tessera-sweep-XXXXXX";
    int status;

    if (mkdtemp(folder) == NULL || setenv("XDG_STATE_HOME", folder, 1) != 0)
        return EXIT_FAILURE; /* PIN marks */
    for (size_t i = 0; i < nitems(families); i++) {
        tasks[i] = (struct task){&families[i], &totals};
        tests[i] = (struct CMUnitTest){families[i].title, sweep_family, NULL,
                                       NULL, &tasks[i]};
    }
    status = cmocka_run_group_tests(tests, NULL, NULL);
    nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
    printf("sweep change and unblock: %u runs, %u done, %u not done, "
           "%u unknown, %u wrong words, %u second attempts\n",
           totals.runs, totals.outcomes[CARD_DONE],
           totals.outcomes[CARD_NOT_DONE], totals.outcomes[CARD_UNKNOWN],
           totals.wrong, totals.again);
    return status;
}
