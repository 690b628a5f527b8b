/*
 * Every-Nth-APDU sweep (reliability B4): each operation, each of its APDUs,
 * each of fifteen faults, once and from then on. Allowed: an error with a
 * sentence, or the right result. Never: a lost try, or a card that is of no
 * use afterwards.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include "card/wire/apdu.h"
#include "tests/unit/card_world.h"

static const struct card_unpad pkcs1 = {.padding = CARD_UNPAD_PKCS1};

static const char plain_text[] = "the content key of a mail";

struct operation {
    const char *name;
    int (*run)(struct card_world *w);
};

static int list_everything(struct card_world *w)
{
    struct card_search *search;
    struct card_object found;
    struct card_uri uri;
    unsigned seen = 0;
    int rc;

    assert_int_equal(card_uri_parse("card:", &uri), 0);
    assert_int_equal(card_search_new(w->ctx, &uri,
                                     CARD_KIND_CERT | CARD_KIND_PUBLIC |
                                         CARD_KIND_PRIVATE, &search), 0);
    while ((rc = card_search_next(search, &found)) == 0) {
        card_key_free(found.key);
        seen++;
    }
    card_search_free(search);
    return rc == CARD_E_NOT_FOUND && seen == 6 ? 0 : rc;
}

static int read_certificate(struct card_world *w)
{
    struct card_object found;

    return world_find(w, "pkcs11:token=CPS3v3-2300081197;type=cert",
                      CARD_KIND_CERT, &found);
}

static int sign_with(struct card_world *w, const char *uri, const char *pem)
{
    struct card_object found;
    int rc = world_find(w, uri, CARD_KIND_PRIVATE, &found);

    if (rc < 0)
        return rc;
    rc = world_sign_and_check(found.key, pem);
    if (rc == 0)
        rc = world_sign_and_check(found.key, pem);
    card_key_free(found.key);
    return rc;
}

static int sign_auth(struct card_world *w)
{
    return sign_with(w, "card:usage=auth?pin-value=1234", "auth.pem");
}

static int sign_sign(struct card_world *w)
{
    return sign_with(w, "card:usage=sign?pin-value=1234", "sign.pem");
}

/* What a stranger encrypts to the authentication certificate. */
static size_t encrypt(uint8_t *out, size_t cap)
{
    char path[512];
    FILE *f;
    X509 *x = NULL;
    EVP_PKEY *key;
    EVP_PKEY_CTX *ctx;
    size_t len = cap;

    snprintf(path, sizeof(path), "%s/auth.pem", world_dir());
    if ((f = fopen(path, "r")) != NULL) {
        x = PEM_read_X509(f, NULL, NULL, NULL);
        fclose(f);
    }
    key = X509_get_pubkey(x);
    ctx = EVP_PKEY_CTX_new(key, NULL);
    assert_int_equal(EVP_PKEY_encrypt_init(ctx), 1);
    assert_int_equal(EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PADDING), 1);
    assert_int_equal(EVP_PKEY_encrypt(ctx, out, &len,
                                      (const unsigned char *)plain_text,
                                      sizeof(plain_text)), 1);
    EVP_PKEY_CTX_free(ctx);
    EVP_PKEY_free(key);
    X509_free(x);
    return len;
}

/* A command with that INS went to the card. */
static bool was_sent(struct card_world *w, uint8_t ins)
{
    return sim_world_count_ins(w->sim, ins) > 0;
}

/*
 * Implicit rejection gives another message where the card refuses to decipher,
 * and so it does for a fault that looks like that refusal; but for nothing
 * before the cryptogram went to the card.
 */
static int decrypt(struct card_world *w)
{
    uint8_t cryptogram[512], space[512];
    struct buf plain = BUF_ON(space);
    struct bytes expected = BYTES_OF(plain_text);
    size_t len = encrypt(cryptogram, sizeof(cryptogram));
    struct card_object found;
    int rc = world_find(w, "card:usage=decrypt?pin-value=1234",
                        CARD_KIND_PRIVATE, &found);

    if (rc < 0)
        return rc;
    rc = card_decrypt(found.key, &pkcs1, bytes_from(cryptogram, len), &plain);
    card_key_free(found.key);
    if (rc < 0 || bytes_equal(buf_view(&plain), expected))
        return rc;
    assert_true(was_sent(w, INS_PSO));
    return card_fail(CARD_E_STATUS, "rejected implicitly");
}

static const struct operation operations[] = {
    {"list",        list_everything },
    {"certificate", read_certificate},
    {"sign-auth",   sign_auth       },
    {"sign-sign",   sign_sign       },
    {"decrypt",     decrypt         },
};

/* What an empty VERIFY of another program says. */
static bool pin_is_verified(struct card_world *w)
{
    static const uint8_t query[] = {0x00, INS_VERIFY, 0x00, 0x01, 0x00};
    uint8_t space[16];
    struct buf answer = BUF_ON(space);
    struct reader r = {.ops = &reader_sim, .io = w->sim};

    snprintf(r.name, sizeof(r.name), "Sim 0");
    assert_int_equal(r.ops->connect(&r), 0);
    assert_int_equal(r.ops->begin(&r), 0);
    assert_int_equal(r.ops->transmit(&r, BYTES_OF(query), &answer), 0);
    r.ops->end(&r, READER_LEAVE);
    r.ops->disconnect(&r);
    return answer.len == 2 && answer.data[0] == 0x90;
}

static unsigned clean_cost(const struct operation *op, struct card_world *w)
{
    int rc;

    world_restart(w);
    sim_world_reset_counts(w->sim);
    if ((rc = op->run(w)) != 0)
        fail_msg("%s without a fault: %s", op->name, card_error_sentence());
    return world_transmits(w);
}

static void run_with_fault(const struct operation *op, struct card_world *w,
                           unsigned nth, enum sim_fault fault, bool lasting)
{
    int rc;

    world_restart(w);
    sim_world_reset_counts(w->sim);
    sim_world_fault(w->sim, nth, fault, lasting);
    if ((rc = op->run(w)) < 0)
        assert_string_not_equal(card_error_sentence(), "");
    sim_world_fault(w->sim, 0, SIM_FAULT_NONE, false);
    if (op->run == sign_sign && pin_is_verified(w))
        fail_msg("%s, %s at APDU %u: the PIN stays verified", op->name,
                 sim_fault_name(fault), nth);
    if (world_pin_tries(w) != 3)
        fail_msg("%s, %s at APDU %u: a try is lost", op->name,
                 sim_fault_name(fault), nth);
    if (op->run(w) != 0)
        fail_msg("%s after %s at APDU %u (gave %d): %s", op->name,
                 sim_fault_name(fault), nth, rc, card_error_sentence());
}

static unsigned sweep(const struct operation *op, struct cps3_options options,
                      unsigned *apdus)
{
    struct card_world w;
    unsigned runs = 0;

    world_open(&w, options);
    *apdus = clean_cost(op, &w);
    for (unsigned nth = 1; nth <= *apdus; nth++)
        for (int fault = SIM_FAULT_NONE + 1; fault < SIM_FAULT_END; fault++)
            for (int lasting = 0; lasting <= 1; lasting++, runs++)
                run_with_fault(op, &w, nth, (enum sim_fault)fault,
                               lasting != 0);
    world_close(&w);
    return runs;
}

static void sweep_card(const char *variant, struct cps3_options options)
{
    for (size_t i = 0; i < nitems(operations); i++) {
        unsigned apdus;
        unsigned runs = sweep(&operations[i], options, &apdus);

        printf("sweep %s %s: %u APDUs x %d faults x once and lasting = %u "
               "runs\n", variant, operations[i].name, apdus,
               SIM_FAULT_END - SIM_FAULT_NONE - 1, runs);
    }
}

static void test_every_nth_apdu_on_a_cps3(void **state)
{
    (void)state;
    sweep_card("cps3", (struct cps3_options){0});
}

static void test_every_nth_apdu_on_a_t1_card_that_finishes_hashes(void **state)
{
    (void)state;
    sweep_card("cps3-t1-hash", (struct cps3_options){
        .t1 = true, .tail = CPS3_TAIL_6282, .no_finished_hash = true});
}

/* Power lost around each APDU, for the operations that present a PIN. */
static void test_every_tear_leaves_the_tries(void **state)
{
    struct card_world w;
    unsigned runs = 0;

    (void)state;
    world_open(&w, (struct cps3_options){0});
    for (size_t i = 0; i < nitems(operations); i++) {
        unsigned apdus = clean_cost(&operations[i], &w);

        for (unsigned nth = 1; nth <= apdus; nth++)
            for (int when = SIM_TEAR_BEFORE; when <= SIM_TEAR_AFTER; when++) {
                world_restart(&w);
                sim_world_tear(w.sim, nth, (enum sim_tear)when);
                operations[i].run(&w);
                sim_world_tear(w.sim, 0, SIM_TEAR_NONE);
                assert_int_equal(world_pin_tries(&w), 3);
                assert_int_equal(operations[i].run(&w), 0);
                runs++;
            }
    }
    printf("sweep cps3 tears: %u runs\n", runs);
    world_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_nth_apdu_on_a_cps3),
        cmocka_unit_test(test_every_nth_apdu_on_a_t1_card_that_finishes_hashes),
        cmocka_unit_test(test_every_tear_leaves_the_tries),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
