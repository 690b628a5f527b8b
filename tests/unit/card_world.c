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

void world_open(struct card_world *w, struct cps3_options options)
{
    memset(w, 0, sizeof(*w));
    options.dir = world_dir();
    assert_int_equal(sim_world_new(&w->sim), 0);
    assert_int_equal(cps3_new(&options, &w->card), 0);
    assert_int_equal(sim_world_add(w->sim, "Sim 0", w->card), 0);
    w->settings.readers = &reader_sim;
    w->settings.reader_io = w->sim;
    world_restart(w);
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

int world_sign_and_check(struct card_key *key, const char *pem)
{
    static const char message[] = "a message that is longer than one block of "
                                  "the hash, so that there is a midstate";
    uint8_t space[CARD_MAX_SIGNATURE];
    struct buf sig = BUF_ON(space);
    EVP_MD_CTX *ctx;
    EVP_PKEY *public;
    int rc = world_sign(key, message, true, &sig);

    if (rc < 0)
        return rc;
    ctx = EVP_MD_CTX_new();
    public = public_key_of(pem);
    assert_int_equal(EVP_DigestVerifyInit(ctx, NULL, EVP_sha256(), NULL,
                                          public), 1);
    assert_int_equal(EVP_DigestVerify(ctx, sig.data, sig.len,
                                      (const unsigned char *)message,
                                      strlen(message)), 1);
    EVP_PKEY_free(public);
    EVP_MD_CTX_free(ctx);
    return 0;
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
