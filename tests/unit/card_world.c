/*
 * A program with a card, in one process.
 */
#include "tests/unit/card_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

const char *world_dir(void)
{
    const char *dir = getenv("TESSERA_SIM_DIR");

    if (dir == NULL)
        fail_msg("TESSERA_SIM_DIR does not name the folder mkcard made");
    return dir;
}

void world_restart(struct card_world *w)
{
    card_context_free(w->ctx);
    w->ctx = NULL;
    assert_int_equal(card_context_new(&w->settings, &w->ctx), 0);
}

static void open_with(struct card_world *w, struct applet *card)
{
    memset(w, 0, sizeof(*w));
    w->card = card;
    assert_int_equal(sim_world_new(&w->sim), 0);
    assert_int_equal(sim_world_add(w->sim, "Sim 0", w->card), 0);
    w->settings.readers = &reader_sim;
    w->settings.reader_io = w->sim;
    world_restart(w);
}

void world_open(struct card_world *w, struct cps3_options options)
{
    struct applet *card;

    options.dir = world_dir();
    assert_int_equal(cps3_new(&options, &card), 0);
    open_with(w, card);
}

void world_open_family(struct card_world *w, const char *family,
                       const char *const *settings)
{
    const struct sim_options options = {.dir = world_dir(),
                                        .settings = settings};
    struct applet *card;

    if (sim_card_new(family, &options, &card) < 0)
        fail_msg("%s: %s", family, card_error_sentence());
    open_with(w, card);
}

void world_set(struct card_world *w, const char *name, const char *value)
{
    assert_int_equal(w->card->ops->set(w->card, name, value), 0);
}

void world_close(struct card_world *w)
{
    card_context_free(w->ctx);
    sim_world_free(w->sim);
    w->card->ops->free(w->card);
}

static int answer(void *arg, const struct card_pin_question *question,
                  struct buf *pin)
{
    struct person *p = arg;
    const char *text = p->answers[p->asked % nitems(p->answers)];

    p->last = *question;
    p->asked++;
    if (p->meanwhile != NULL)
        p->meanwhile(p, p->meanwhile_arg);
    if (text == NULL)
        return card_fail(CARD_E_PIN_NEEDED, "nobody is there");
    return buf_put(pin, bytes_of_string(text));
}

void world_person(struct card_world *w, const char *first, const char *second)
{
    memset(&w->person, 0, sizeof(w->person));
    w->person.answers[0] = first;
    w->person.answers[1] = second;
    w->settings.ask_pin = answer;
    w->settings.ask_arg = &w->person;
    world_restart(w);
}

int world_find(struct card_world *w, const char *uri, unsigned kinds,
               struct card_object *out)
{
    struct card_search *search;
    struct card_uri parsed;
    int rc;

    if ((rc = card_uri_parse(uri, &parsed)) < 0)
        return rc;
    rc = card_search_new(w->ctx, &parsed, kinds, &search);
    card_uri_clear(&parsed);
    if (rc < 0)
        return rc;
    rc = card_search_next(search, out);
    card_search_free(search);
    return rc;
}

struct card_key *world_key(struct card_world *w, const char *uri)
{
    struct card_object found;
    int rc = world_find(w, uri, CARD_KIND_PRIVATE, &found);

    if (rc != 0)
        fail_msg("%s: %s", uri, card_error_sentence());
    return found.key;
}

static void digest(const char *message, struct card_tbs *tbs)
{
    unsigned len = 0;

    memset(tbs, 0, sizeof(*tbs));
    tbs->hash = CARD_HASH_SHA256;
    assert_int_equal(EVP_Digest(message, strlen(message), tbs->value, &len,
                                EVP_sha256(), NULL),
                     1);
    tbs->len = len;
}

int world_sign(struct card_key *key, const char *message, bool midstate,
               struct buf *sig)
{
    struct sha_stream stream;
    struct card_tbs tbs;

    digest(message, &tbs);
    if (midstate) {
        assert_int_equal(sha_init(&stream, CARD_HASH_SHA256), 0);
        sha_update(&stream, bytes_of_string(message));
        sha_get_midstate(&stream, &tbs.midstate);
    }
    return card_sign(key, &tbs, sig);
}

static EVP_PKEY *public_key_of(const char *pem)
{
    char path[512];
    EVP_PKEY *key = NULL;
    X509 *x = NULL;
    FILE *f;

    snprintf(path, sizeof(path), "%s/%s", world_dir(), pem);
    if ((f = fopen(path, "r")) != NULL) {
        x = PEM_read_X509(f, NULL, NULL, NULL);
        fclose(f);
    }
    key = X509_get_pubkey(x);
    X509_free(x);
    assert_non_null(key);
    return key;
}

static const char long_message[] =
    "a message that is longer than one block of the hash, so that there is a "
    "midstate";

/* Stock libcrypto, with the public half in the certificate. */
static void check_signature(const struct card_key *key, const char *pem,
                            struct bytes sig, bool pss)
{
    bool whole = card_key_info(key)->type == CARD_KEY_ED25519;
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    EVP_PKEY *public = public_key_of(pem);
    EVP_PKEY_CTX *pctx;

    assert_int_equal(EVP_DigestVerifyInit(ctx, &pctx,
                                          whole ? NULL : EVP_sha256(), NULL,
                                          public), 1);
    if (pss)
        assert_int_equal(EVP_PKEY_CTX_set_rsa_padding(
                             pctx, RSA_PKCS1_PSS_PADDING), 1);
    assert_int_equal(EVP_DigestVerify(ctx, sig.data, sig.len,
                                      (const unsigned char *)long_message,
                                      strlen(long_message)), 1);
    EVP_PKEY_free(public);
    EVP_MD_CTX_free(ctx);
}

int world_sign_and_check(struct card_key *key, const char *pem)
{
    struct card_tbs whole = {.message = bytes_of_string(long_message)};
    uint8_t space[CARD_MAX_SIGNATURE];
    struct buf sig = BUF_ON(space);
    int rc;

    if (card_key_info(key)->type == CARD_KEY_ED25519)
        rc = card_sign(key, &whole, &sig);
    else
        rc = world_sign(key, long_message, true, &sig);
    if (rc == 0)
        check_signature(key, pem, buf_view(&sig), false);
    return rc;
}

int world_sign_pss_and_check(struct card_key *key, const char *pem)
{
    uint8_t space[CARD_MAX_SIGNATURE];
    struct buf sig = BUF_ON(space);
    struct card_tbs tbs;
    int rc;

    digest(long_message, &tbs);
    tbs.padding = CARD_PAD_PSS;
    tbs.mgf_hash = CARD_HASH_SHA256;
    tbs.salt_len = 32;
    if ((rc = card_sign(key, &tbs, &sig)) == 0)
        check_signature(key, pem, buf_view(&sig), true);
    return rc;
}

static const char secret_message[] = "the content key of a mail";

static size_t encrypt_to(const char *pem, int padding, uint8_t *out,
                         size_t cap)
{
    EVP_PKEY *public = public_key_of(pem);
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(public, NULL);
    size_t len = cap;

    assert_int_equal(EVP_PKEY_encrypt_init(ctx), 1);
    assert_int_equal(EVP_PKEY_CTX_set_rsa_padding(ctx, padding), 1);
    assert_int_equal(EVP_PKEY_encrypt(ctx, out, &len,
                                      (const unsigned char *)secret_message,
                                      sizeof(secret_message)), 1);
    EVP_PKEY_CTX_free(ctx);
    EVP_PKEY_free(public);
    return len;
}

int world_decrypt_and_check(struct card_key *key, const char *pem, bool oaep)
{
    const struct card_unpad how = {
        .padding = oaep ? CARD_UNPAD_OAEP : CARD_UNPAD_PKCS1,
        .hash = CARD_HASH_SHA1,
        .mgf_hash = CARD_HASH_SHA1,
    };
    uint8_t cryptogram[CARD_MAX_SIGNATURE], space[CARD_MAX_SIGNATURE];
    struct buf plain = BUF_ON(space);
    size_t len = encrypt_to(pem, oaep ? RSA_PKCS1_OAEP_PADDING
                                      : RSA_PKCS1_PADDING,
                            cryptogram, sizeof(cryptogram));
    int rc = card_decrypt(key, &how, bytes_from(cryptogram, len), &plain);

    if (rc == 0 && !bytes_equal(buf_view(&plain), BYTES_OF(secret_message)))
        rc = card_fail(CARD_E_STATUS, "rejected implicitly");
    return rc;
}

/* A key pair of the same kind as the card's. */
static EVP_PKEY *peer_of(EVP_PKEY *public)
{
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(public, NULL);
    EVP_PKEY *peer = NULL;

    assert_int_equal(EVP_PKEY_keygen_init(ctx), 1);
    assert_int_equal(EVP_PKEY_keygen(ctx, &peer), 1);
    EVP_PKEY_CTX_free(ctx);
    return peer;
}

static size_t agree(EVP_PKEY *own, EVP_PKEY *with, uint8_t *out, size_t cap)
{
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(own, NULL);
    size_t len = cap;

    assert_int_equal(EVP_PKEY_derive_init(ctx), 1);
    assert_int_equal(EVP_PKEY_derive_set_peer(ctx, with), 1);
    assert_int_equal(EVP_PKEY_derive(ctx, out, &len), 1);
    EVP_PKEY_CTX_free(ctx);
    return len;
}

int world_derive_and_check(struct card_key *key, const char *pem)
{
    EVP_PKEY *public = public_key_of(pem), *peer = peer_of(public);
    uint8_t point[256], expected[66], space[66];
    struct buf secret = BUF_ON(space);
    size_t point_len = 0, len = agree(peer, public, expected,
                                      sizeof(expected));
    int rc;

    assert_int_equal(EVP_PKEY_get_octet_string_param(
                         peer, "pub", point, sizeof(point), &point_len), 1);
    rc = card_derive(key, bytes_from(point, point_len), &secret);
    if (rc == 0 && !bytes_equal(buf_view(&secret), bytes_from(expected, len)))
        fail_msg("the two sides do not agree");
    EVP_PKEY_free(peer);
    EVP_PKEY_free(public);
    return rc;
}

unsigned world_transmits(struct card_world *w)
{
    return sim_world_counts(w->sim).transmits;
}

unsigned world_pin_tries(struct card_world *w)
{
    struct applet_tries tries;

    w->card->ops->tries(w->card, &tries);
    return tries.pin;
}
