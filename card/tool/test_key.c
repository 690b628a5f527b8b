/*
 * One key at work: the card computes, stock libcrypto judges.
 */
#include "card/tool/test.h"

#include <stdio.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/rand.h>
#include <openssl/rsa.h>

enum {
    MESSAGE_LEN = 32,
    POINT_MAX = 256,   /* bytes of an uncompressed point */
    SHARED_MAX = 128   /* bytes of a shared secret */
};

/* ---- what it can do ------------------------------------------------------ */

unsigned test_can(const struct card_key *key)
{
    const unsigned edwards = CARD_CAN_EDDSA;
    const unsigned weierstrass = CARD_CAN_ECDSA | CARD_CAN_DERIVE;

    switch (card_key_info(key)->type) {
    case CARD_KEY_RSA:
        return card_key_can(key) & ~(edwards | weierstrass);
    case CARD_KEY_EC:
        return card_key_can(key) & weierstrass;
    case CARD_KEY_ED25519:
    case CARD_KEY_ED448:
        return card_key_can(key) & edwards;
    case CARD_KEY_X25519:
    case CARD_KEY_X448:
        return card_key_can(key) & CARD_CAN_DERIVE;
    default:
        return 0;
    }
}

bool test_is_tls12_only(unsigned can)
{
    return (can & (CARD_CAN_PKCS1 | CARD_CAN_PKCS1_HASH)) != 0 &&
           (can & CARD_CAN_PSS) == 0;
}

/* ---- results ------------------------------------------------------------- */

static void fail(struct test_result *out, int rc, const char *why)
{
    out->rc = rc;
    snprintf(out->why, sizeof(out->why), "%s", why);
    ERR_clear_error();
}

static void fail_here(struct test_result *out)
{
    fail(out, CARD_E_UNSUPPORTED, _("OpenSSL cannot check such a key"));
}

/* What the card layer said, or else what libcrypto found. */
static void judge(struct test_result *out, int rc, bool right,
                  const char *wrong)
{
    if (rc < 0)
        fail(out, rc, card_error_sentence());
    else if (!right)
        fail(out, CARD_E_SELF_CHECK, wrong);
}

/* ---- signatures ---------------------------------------------------------- */

/* A hash, with what a card wants that finishes it itself; or the message. */
static bool prepare(struct bytes message, bool whole, struct card_tbs *tbs)
{
    struct sha_stream stream;
    unsigned len = 0;

    tbs->message = message;
    if (whole)
        return true;
    tbs->hash = CARD_HASH_SHA256;
    if (EVP_Digest(message.data, message.len, tbs->value, &len, EVP_sha256(),
                   NULL) != 1 ||
        sha_init(&stream, tbs->hash) < 0)
        return false;
    tbs->len = len;
    sha_update(&stream, message);
    sha_get_midstate(&stream, &tbs->midstate);
    return true;
}

static const char *choose_scheme(unsigned can, struct card_tbs *tbs)
{
    if ((can & CARD_CAN_EDDSA) != 0)
        return "EdDSA";
    if ((can & CARD_CAN_ECDSA) != 0)
        return _("ECDSA with SHA-256");
    if ((can & CARD_CAN_PSS) != 0) {
        tbs->padding = CARD_PAD_PSS;
        tbs->mgf_hash = CARD_HASH_SHA256;
        tbs->salt_len = 32;
        return _("RSA-PSS with SHA-256");
    }
    if ((can & (CARD_CAN_PKCS1 | CARD_CAN_PKCS1_HASH)) != 0)
        return _("PKCS#1 v1.5 with SHA-256");
    return NULL;
}

static bool verifies(EVP_PKEY *public, const struct card_tbs *tbs, bool whole,
                     struct bytes sig)
{
    EVP_MD_CTX *md = EVP_MD_CTX_new();
    EVP_PKEY_CTX *ctx = NULL; /* lent */
    bool right;

    right = md != NULL &&
            EVP_DigestVerifyInit(md, &ctx, whole ? NULL : EVP_sha256(), NULL,
                                 public) == 1 &&
            (tbs->padding != CARD_PAD_PSS ||
             (EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PSS_PADDING) == 1 &&
              EVP_PKEY_CTX_set_rsa_pss_saltlen(ctx, (int)tbs->salt_len) ==
                  1)) &&
            EVP_DigestVerify(md, sig.data, sig.len, tbs->message.data,
                             tbs->message.len) == 1;
    EVP_MD_CTX_free(md);
    return right;
}

void test_sign(struct card_key *key, EVP_PKEY *public, struct test_result *out)
{
    const unsigned can = test_can(key);
    const bool whole = (can & CARD_CAN_EDDSA) != 0;
    struct card_tbs tbs = {.padding = CARD_PAD_PKCS1};
    uint8_t message[MESSAGE_LEN], space[CARD_MAX_SIGNATURE];
    struct buf sig = BUF_ON(space);
    int rc;

    if ((out->scheme = choose_scheme(can, &tbs)) == NULL)
        return;
    if (RAND_bytes(message, sizeof(message)) != 1 ||
        !prepare(BYTES_OF(message), whole, &tbs)) {
        fail_here(out);
        return;
    }
    rc = card_sign(key, &tbs, &sig);
    judge(out, rc, rc == 0 && verifies(public, &tbs, whole, buf_view(&sig)),
          _("its signature does not verify with its certificate"));
}

/* ---- decryption ---------------------------------------------------------- */

static bool encrypt(EVP_PKEY *public, int padding, struct bytes plain,
                    struct buf *out)
{
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(public, NULL);
    size_t len = out->cap;
    bool done;

    done = ctx != NULL && EVP_PKEY_encrypt_init(ctx) == 1 &&
           EVP_PKEY_CTX_set_rsa_padding(ctx, padding) == 1 &&
           EVP_PKEY_encrypt(ctx, out->data, &len, plain.data, plain.len) == 1;
    EVP_PKEY_CTX_free(ctx);
    out->len = done ? len : 0;
    return done;
}

void test_decrypt(struct card_key *key, EVP_PKEY *public,
                  struct test_result *out)
{
    const unsigned can = test_can(key);
    const bool pkcs1 = (can & CARD_CAN_DECRYPT_PKCS1) != 0;
    const struct card_unpad how = {
        .padding = pkcs1 ? CARD_UNPAD_PKCS1 : CARD_UNPAD_OAEP,
        .hash = CARD_HASH_SHA1,
        .mgf_hash = CARD_HASH_SHA1};
    uint8_t message[MESSAGE_LEN], space[CARD_MAX_SIGNATURE];
    uint8_t plain_space[CARD_MAX_SIGNATURE];
    struct buf secret = BUF_ON(space), plain = BUF_ON(plain_space);
    int rc;

    if (!pkcs1 && (can & CARD_CAN_DECRYPT_OAEP) == 0)
        return;
    out->scheme = pkcs1 ? "PKCS#1 v1.5" : "OAEP";
    if (RAND_bytes(message, sizeof(message)) != 1 ||
        !encrypt(public, pkcs1 ? RSA_PKCS1_PADDING : RSA_PKCS1_OAEP_PADDING,
                 BYTES_OF(message), &secret)) {
        fail_here(out);
        return;
    }
    rc = card_decrypt(key, &how, buf_view(&secret), &plain);
    judge(out, rc, bytes_equal(buf_view(&plain), BYTES_OF(message)),
          _("it does not decrypt what was encrypted to its certificate"));
}

/* ---- key agreement ------------------------------------------------------- */

static EVP_PKEY *make_peer(EVP_PKEY *public)
{
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(public, NULL);
    EVP_PKEY *peer = NULL;

    if (ctx == NULL || EVP_PKEY_keygen_init(ctx) != 1 ||
        EVP_PKEY_keygen(ctx, &peer) != 1)
        peer = NULL;
    EVP_PKEY_CTX_free(ctx);
    return peer;
}

static bool agree(EVP_PKEY *peer, EVP_PKEY *public, struct buf *secret)
{
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(peer, NULL);
    size_t len = secret->cap;
    bool done;

    done = ctx != NULL && EVP_PKEY_derive_init(ctx) == 1 &&
           EVP_PKEY_derive_set_peer(ctx, public) == 1 &&
           EVP_PKEY_derive(ctx, secret->data, &len) == 1;
    EVP_PKEY_CTX_free(ctx);
    secret->len = done ? len : 0;
    return done;
}

void test_derive(struct card_key *key, EVP_PKEY *public,
                 struct test_result *out)
{
    uint8_t point_space[POINT_MAX], ours_space[SHARED_MAX];
    uint8_t theirs_space[SHARED_MAX];
    struct buf ours = BUF_ON(ours_space), theirs = BUF_ON(theirs_space);
    struct bytes point = {point_space, 0};
    EVP_PKEY *peer;
    int rc;

    if ((test_can(key) & CARD_CAN_DERIVE) == 0)
        return;
    out->scheme = card_key_info(key)->type == CARD_KEY_EC ? "ECDH" : "XDH";
    peer = make_peer(public);
    if (peer == NULL ||
        EVP_PKEY_get_octet_string_param(peer, "encoded-pub-key", point_space,
                                        sizeof(point_space),
                                        &point.len) != 1 ||
        !agree(peer, public, &theirs)) {
        fail_here(out);
    } else {
        rc = card_derive(key, point, &ours);
        judge(out, rc, bytes_equal(buf_view(&ours), buf_view(&theirs)),
              _("it does not agree on a secret with its certificate"));
    }
    EVP_PKEY_free(peer);
}
