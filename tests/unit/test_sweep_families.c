/*
 * The every-Nth-APDU sweep (reliability B4) over the families beside CPS3:
 * each operation, each of its APDUs, each fault, once and from then on; with
 * and without a cache. Allowed: an error with a sentence, or the right result.
 * Never: a lost try, or a card that is of no use afterwards.
 *
 * SWEEP_ALL=yes sweeps the operations marked "long" too.
 */
#define _XOPEN_SOURCE 700 /* mkdtemp, nftw */
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/unit/card_world.h"

enum { MAX_OPERATIONS = 8, USES = 2 };

enum what { LIST, SIGN, SIGN_PSS, DECRYPT, DECRYPT_OAEP, DERIVE };
enum when { ALWAYS, LONG };

/* What a program does: with a key, several times. */
struct operation {
    enum what what;
    const char *uri; /* NULL: no more */
    const char *pem; /* the key's certificate, in mkcard's folder */
    enum when when;
};

struct family {
    const char *title;
    const char *name;
    const char *settings[5];
    struct operation operations[MAX_OPERATIONS + 1];
};

#define PIN4 "?pin-value=1234"
#define PIN6 "?pin-value=123456"
#define AUTH "card:usage=auth" PIN6
#define SIGNATURE "card:usage=sign" PIN6
#define DECRYPTION "card:usage=decrypt" PIN6

static const struct family families[] = {
    /* A certificate that is said not to be there leaves usage=auth to 9E. */
    {"PIV", "piv", {"9a=rsa1024", "9c=ec-auth", "9d=rsa1024", "9e=none"},
     {{LIST, "card:", NULL, LONG},
      {SIGN, AUTH, "rsa1024.pem", LONG},
      {SIGN_PSS, AUTH, "rsa1024.pem", ALWAYS},
      {SIGN, SIGNATURE, "ec-auth.pem", ALWAYS},
      {DECRYPT, DECRYPTION, "rsa1024.pem", LONG},
      {DECRYPT_OAEP, DECRYPTION, "rsa1024.pem", ALWAYS}}},
    {"PIV, EC, T=0", "piv",
     {"t1=no", "9a=ec-auth", "9d=ec-decrypt", NULL},
     {{SIGN, AUTH, "ec-auth.pem", ALWAYS},
      {DERIVE, DECRYPTION, "ec-decrypt.pem", LONG},
      {SIGN, "card:id=%04", "ec-auth.pem", LONG}}},
    {"PIV of a YubiKey", "piv",
     {"yubico=yes", "9a=ed-auth", "9d=x-decrypt", "9e=none"},
     {{SIGN, AUTH, "ed-auth.pem", ALWAYS},
      {DERIVE, DECRYPTION, "x-decrypt.pem", ALWAYS}}},
    {"OpenPGP", "openpgp", {NULL},
     {{LIST, "card:", NULL, LONG},
      {SIGN, AUTH, "auth.pem", LONG},
      {SIGN, SIGNATURE, "sign.pem", LONG},
      {DECRYPT, DECRYPTION, "decrypt.pem", ALWAYS}}},
    {"OpenPGP, mixed, KDF", "openpgp",
     {"keys=mixed", "kdf=yes", "certs=no", NULL},
     {{SIGN, AUTH, "ed-auth.pem", ALWAYS},
      {DERIVE, DECRYPTION, "ec-decrypt.pem", ALWAYS},
      {SIGN, SIGNATURE, "sign.pem", LONG}}},
    {"OpenPGP, Gnuk, T=1 short", "openpgp",
     {"card=gnuk", "keys=25519", NULL},
     {{SIGN, AUTH, "ed-auth.pem", LONG},
      {SIGN, SIGNATURE, "ed-auth.pem", ALWAYS},
      {DERIVE, DECRYPTION, "x-decrypt.pem", LONG}}},
    {"OpenPGP, NIST curves, T=0", "openpgp", {"t1=no", "keys=nist", NULL},
     {{SIGN, AUTH, "ec-auth.pem", LONG},
      {DERIVE, DECRYPTION, "ec-decrypt.pem", LONG}}},
    {"YubiKey", "yubikey", {"openpgp.keys=nist", "piv.9a=none", "piv.9e=none"},
     {{SIGN, AUTH, "ec-auth.pem", ALWAYS},
      {SIGN, "card:driver=openpgp;usage=sign" PIN6, "ec-sign.pem", LONG}}},
    {"GemSafe V1", "gemsafe", {"certs=rsa1024", NULL},
     {{LIST, "card:", NULL, LONG},
      {SIGN, "card:" PIN6, "rsa1024.pem", ALWAYS},
      {DECRYPT, DECRYPTION, "rsa1024.pem", LONG}}},
    {"GemSafe V3", "gemsafe-v3", {"certs=rsa1024", NULL},
     {{SIGN, "card:" PIN6, "rsa1024.pem", ALWAYS},
      {DECRYPT, DECRYPTION, "rsa1024.pem", LONG}}},
    {"GemP15", "gemp15", {"certs=rsa1024", NULL},
     {{LIST, "card:", NULL, LONG},
      {SIGN, "card:" PIN4, "rsa1024.pem", ALWAYS},
      {DECRYPT, "card:usage=decrypt" PIN4, "rsa1024.pem", LONG}}},
    {"ISO 7816-15", "iso15", {"algorithms=yes", NULL},
     {{LIST, "card:", NULL, LONG},
      {SIGN, "card:id=%45" PIN6, "auth.pem", LONG},
      {SIGN_PSS, "card:id=%45" PIN6, "auth.pem", LONG},
      {SIGN, "card:id=%47" PIN6, "ec-auth.pem", LONG},
      {DERIVE, "card:id=%48" PIN6, "ec-decrypt.pem", LONG},
      {DECRYPT_OAEP, "card:id=%49" PIN6, "decrypt.pem", LONG}}},
    {"IsoApplet", "iso15", {"kind=isoapplet", "keys=ec-auth,rsa1024,decrypt",
                            NULL},
     {{SIGN, "card:id=%45" PIN6, "ec-auth.pem", LONG},
      {SIGN_PSS, "card:id=%46" PIN6, "rsa1024.pem", ALWAYS},
      {DECRYPT, "card:id=%47" PIN6, "decrypt.pem", LONG}}},
    {"MyEID, T=0", "iso15", {"kind=myeid", "t1=no", "keeps=no", NULL},
     {{SIGN, "card:id=%45" PIN6, "auth.pem", LONG},
      {SIGN, "card:id=%47" PIN6, "ec-auth.pem", LONG},
      {DERIVE, "card:id=%48" PIN6, "ec-decrypt.pem", ALWAYS}}},
    {"CPS4", "cps4", {NULL},
     {{LIST, "card:", NULL, LONG},
      {SIGN_PSS, "card:usage=auth" PIN4, "auth.pem", ALWAYS},
      {SIGN, "card:usage=sign" PIN4, "sign.pem", LONG},
      {DECRYPT, "card:usage=decrypt" PIN4, "auth.pem", LONG}}},
    {"IAS ECC, Gemalto", "ias", {NULL},
     {{SIGN, "card:usage=auth" PIN4, "auth.pem", ALWAYS},
      {DECRYPT, "card:usage=decrypt" PIN4, "auth.pem", LONG}}},
    {"IAS ECC, Oberthur", "ias", {"maker=oberthur", "no-sdo=yes", NULL},
     {{SIGN, "card:usage=auth" PIN4, "auth.pem", LONG},
      {SIGN, "card:usage=sign" PIN4, "sign.pem", LONG}}},
    {NULL, NULL, {NULL}, {{LIST, NULL, NULL, LONG}}},
};

/* ---- operations ---------------------------------------------------------- */

static int list_everything(struct card_world *w, const char *text)
{
    struct card_search *search;
    struct card_object found;
    struct card_uri uri;
    int rc;

    assert_int_equal(card_uri_parse(text, &uri), 0);
    assert_int_equal(card_search_new(w->ctx, &uri,
                                     CARD_KIND_CERT | CARD_KIND_PUBLIC |
                                         CARD_KIND_PRIVATE, &search), 0);
    while ((rc = card_search_next(search, &found)) == 0)
        card_key_free(found.key);
    card_search_free(search);
    return rc == CARD_E_NOT_FOUND ? 0 : rc;
}

static int use(const struct operation *op, struct card_key *key)
{
    switch (op->what) {
    case SIGN:
        return world_sign_and_check(key, op->pem);
    case SIGN_PSS:
        return world_sign_pss_and_check(key, op->pem);
    case DECRYPT:
        return world_decrypt_and_check(key, op->pem, false);
    case DECRYPT_OAEP:
        return world_decrypt_and_check(key, op->pem, true);
    case DERIVE:
        return world_derive_and_check(key, op->pem);
    case LIST:
        break;
    }
    fail();
    return -1;
}

static int run(const struct operation *op, struct card_world *w,
               unsigned times)
{
    struct card_object found;
    int rc;

    if (op->what == LIST)
        return list_everything(w, op->uri);
    rc = world_find(w, op->uri, CARD_KIND_PRIVATE, &found);
    if (rc < 0)
        return rc;
    while (rc == 0 && times-- > 0)
        rc = use(op, found.key);
    card_key_free(found.key);
    return rc;
}

/* ---- faults -------------------------------------------------------------- */

static unsigned clean_cost(const struct operation *op, struct card_world *w)
{
    world_restart(w);
    sim_world_reset_counts(w->sim);
    if (run(op, w, USES) != 0)
        fail_msg("%s without a fault: %s", op->uri, card_error_sentence());
    return world_transmits(w);
}

static void run_with_fault(const struct operation *op, struct card_world *w,
                           unsigned nth, enum sim_fault fault, bool lasting)
{
    unsigned tries = world_pin_tries(w);
    int rc;

    world_restart(w);
    sim_world_reset_counts(w->sim);
    sim_world_fault(w->sim, nth, fault, lasting);
    if ((rc = run(op, w, USES)) < 0)
        assert_string_not_equal(card_error_sentence(), "");
    sim_world_fault(w->sim, 0, SIM_FAULT_NONE, false);
    if (world_pin_tries(w) != tries)
        fail_msg("%s, %s at APDU %u: a try is lost", op->uri,
                 sim_fault_name(fault), nth);
    if (run(op, w, 1) != 0)
        fail_msg("%s after %s at APDU %u (gave %d): %s", op->uri,
                 sim_fault_name(fault), nth, rc, card_error_sentence());
}

static void tear(const struct operation *op, struct card_world *w,
                 unsigned nth, enum sim_tear when)
{
    unsigned tries = world_pin_tries(w);

    world_restart(w);
    sim_world_tear(w->sim, nth, when);
    run(op, w, USES);
    sim_world_tear(w->sim, 0, SIM_TEAR_NONE);
    assert_int_equal(world_pin_tries(w), tries);
    if (run(op, w, 1) != 0)
        fail_msg("%s after power was lost at APDU %u: %s", op->uri, nth,
                 card_error_sentence());
}

static unsigned sweep_faults(const struct operation *op,
                             struct card_world *w, unsigned apdus)
{
    unsigned runs = 0;

    for (unsigned nth = 1; nth <= apdus; nth++) {
        for (int fault = SIM_FAULT_NONE + 1; fault < SIM_FAULT_END; fault++)
            for (int lasting = 0; lasting <= 1; lasting++, runs++)
                run_with_fault(op, w, nth, (enum sim_fault)fault,
                               lasting != 0);
        tear(op, w, nth, SIM_TEAR_BEFORE);
        tear(op, w, nth, SIM_TEAR_AFTER);
    }
    return runs;
}

/*
 * Returns how many APDUs the operation takes. If that is `known`, the cache
 * makes no difference, and there is nothing new to sweep.
 */
static unsigned sweep(const struct family *f, const struct operation *op,
                      const char *cache, unsigned known)
{
    static const char *const names[] = {"list", "signature", "PSS",
                                        "decryption", "OAEP", "agreement"};
    struct card_world w;
    unsigned apdus;

    world_open_family(&w, f->name, f->settings);
    w.settings.cache = cache;
    apdus = clean_cost(op, &w);
    if (cache != NULL) /* the first run filled it */
        apdus = clean_cost(op, &w);
    if (apdus != known)
        printf("sweep %s, %s of %s%s: %u APDUs, %u runs and %u tears\n",
               f->title, names[op->what], op->uri,
               cache != NULL ? ", cached" : "", apdus,
               sweep_faults(op, &w, apdus), 2 * apdus);
    world_close(&w);
    return apdus;
}

static int remove_one(const char *path, const struct stat *st, int type,
                      struct FTW *ftw)
{
    (void)st;
    (void)type;
    (void)ftw;
    return remove(path);
}

static void sweep_family(void **state)
{
    const struct family *f = *state;
    char folder[] = "/tmp/tessera-sweep-XXXXXX", cache[64];

    assert_non_null(mkdtemp(folder));
    assert_int_equal(setenv("XDG_STATE_HOME", folder, 1), 0); /* PIN marks */
    snprintf(cache, sizeof(cache), "%s/cache", folder);
    for (const struct operation *op = f->operations; op->uri != NULL; op++) {
        if (op->when == LONG && getenv("SWEEP_ALL") == NULL)
            continue;
        sweep(f, op, cache, sweep(f, op, NULL, 0));
    }
    nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

int main(void)
{
    struct CMUnitTest tests[nitems(families)];
    size_t count = 0;

    for (; families[count].title != NULL; count++) {
        union {
            const void *in;
            void *out; /* cmocka takes no const state */
        } state = {.in = &families[count]};

        tests[count] = (struct CMUnitTest){
            families[count].title, sweep_family, NULL, NULL, state.out};
    }
    return _cmocka_run_group_tests("sweep", tests, count, NULL, NULL);
}
