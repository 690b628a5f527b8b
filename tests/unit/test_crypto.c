/*
 * The public key in a certificate, and the check of what a card signed: right,
 * and wrong in every way there is.
 */
#include "card/base/crypto.h"

#include <string.h>

#include <openssl/err.h>
#include <openssl/x509.h>

#include "card/error.h"
#include "tests/unit/soft_key.h"
#include "tests/unit/test.h"

enum { SIG_MAX = 200 };

static const char *const curves[] = {"P-256", "P-384", "P-521",
                                     "brainpoolP512r1", "secp256k1"};

/* A certificate for `key`, which nobody has to have signed soundly. */
static struct bytes make_cert(EVP_PKEY *key)
{
    static uint8_t space[SPKI_MAX];
    unsigned char *p = space;
    EVP_PKEY *signer = make_ec("P-256");
    X509 *x = X509_new();
    int len;

    assert_int_equal(X509_set_pubkey(x, key), 1);
    assert_non_null(X509_gmtime_adj(X509_getm_notBefore(x), 0));
    assert_non_null(X509_gmtime_adj(X509_getm_notAfter(x), 60));
    assert_true(X509_sign(x, signer, EVP_sha256()) > 0);
    len = i2d_X509(x, NULL);
    assert_true(len > 0 && (size_t)len <= sizeof(space));
    len = i2d_X509(x, &p);
    X509_free(x);
    EVP_PKEY_free(signer);
    return bytes_from(space, (size_t)len);
}

static void test_cert_spki_when_any_key_then_as_libcrypto(void **state)
{
    static const char *const types[] = {"RSA", "RSA-PSS", "ED25519", "ED448",
                                        "X25519", "X448"};

    (void)state;
    for (size_t i = 0; i < nitems(types) + nitems(curves); i++) {
        EVP_PKEY *key = i < nitems(types) ? make_key(types[i])
                                          : make_ec(curves[i - nitems(types)]);
        struct bytes cert = make_cert(key), spki = spki_of(key);
        uint8_t space[SPKI_MAX];
        struct buf out = BUF_ON(space), small = {space, 0, spki.len - 1};

        assert_int_equal(crypto_cert_spki(crypto, cert, &out), 0);
        assert_true(bytes_equal(buf_view(&out), spki));
        assert_int_equal(crypto_cert_spki(crypto, cert, &small),
                         CARD_E_BUFFER);
        assert_int_equal(small.len, 0);
        cert.len--;
        assert_int_equal(crypto_cert_spki(crypto, cert, &out),
                         CARD_E_PROTOCOL);
        EVP_PKEY_free(key);
    }
}

/* The key of an algorithm libcrypto does not know stands there all the same. */
static void test_cert_spki_when_unknown_algorithm_then_as_it_is(void **state)
{
    EVP_PKEY *key = make_key("ED25519");
    struct bytes cert = make_cert(key), spki = spki_of(key);
    uint8_t changed[SPKI_MAX], space[SPKI_MAX];
    struct buf out = BUF_ON(space);
    size_t at = 0;

    (void)state;
    memcpy(changed, cert.data, cert.len);
    while (memcmp(changed + at, spki.data, spki.len) != 0)
        at++;
    changed[at + 8] = 0x05; /* 1.3.101.5 */
    assert_int_equal(
        crypto_cert_spki(crypto, bytes_from(changed, cert.len), &out), 0);
    assert_true(
        bytes_equal(buf_view(&out), bytes_from(changed + at, spki.len)));
    EVP_PKEY_free(key);
}

/* --- Checking signatures -------------------------------------------------- */

static struct card_tbs make_tbs(enum card_padding padding, enum card_hash hash,
                                size_t len)
{
    struct card_tbs tbs = {.padding = padding, .hash = hash, .len = len};

    assert_true(len <= sizeof(tbs.value));
    for (size_t i = 1; i < len; i++)
        tbs.value[i] = (uint8_t)(i * 7);
    return tbs;
}

static void sign_value(EVP_PKEY *key, const struct card_tbs *tbs,
                       struct buf *sig)
{
    static const int paddings[] = {RSA_PKCS1_PADDING, RSA_PKCS1_PSS_PADDING,
                                   RSA_NO_PADDING};
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, key, NULL);
    EVP_MD *md = tbs->hash == CARD_HASH_NONE
                     ? NULL
                     : EVP_MD_fetch(NULL, hash_name(tbs->hash), NULL);

    assert_int_equal(EVP_PKEY_sign_init(ctx), 1);
    if (!EVP_PKEY_is_a(key, "EC"))
        assert_int_equal(
            EVP_PKEY_CTX_set_rsa_padding(ctx, paddings[tbs->padding]), 1);
    if (md != NULL)
        assert_int_equal(EVP_PKEY_CTX_set_signature_md(ctx, md), 1);
    if (tbs->padding == CARD_PAD_PSS) {
        const char *mgf = hash_name(tbs->mgf_hash);
        int salt_len = (int)tbs->salt_len;

        assert_int_equal(EVP_PKEY_CTX_set_rsa_mgf1_md_name(ctx, mgf, NULL), 1);
        assert_int_equal(EVP_PKEY_CTX_set_rsa_pss_saltlen(ctx, salt_len), 1);
    }
    sig->len = sig->cap;
    assert_int_equal(
        EVP_PKEY_sign(ctx, sig->data, &sig->len, tbs->value, tbs->len), 1);
    EVP_MD_free(md);
    EVP_PKEY_CTX_free(ctx);
}

static int check(EVP_PKEY *key, const struct card_tbs *tbs, struct bytes sig)
{
    return crypto_check_signature(crypto, spki_of(key), tbs, sig);
}

static void check_is_refused(EVP_PKEY *key, const struct card_tbs *tbs,
                             struct bytes sig)
{
    assert_int_equal(check(key, tbs, sig), CARD_E_SELF_CHECK);
    assert_non_null(strstr(card_error_sentence(), "was discarded"));
    assert_int_equal(ERR_peek_error(), 0);
}

/* Right as it is; refused with another key or value, changed, or cut. */
static void check_signature(EVP_PKEY *key, EVP_PKEY *other,
                            const struct card_tbs *tbs, struct buf *sig)
{
    struct card_tbs changed = *tbs;
    struct bytes all = buf_view(sig), cut = bytes_from(sig->data, sig->len - 1);

    ERR_clear_error();
    assert_int_equal(check(key, tbs, all), 0);
    check_is_refused(other, tbs, all);
    check_is_refused(key, tbs, cut);
    check_is_refused(key, tbs, bytes_from(NULL, 0));
    for (size_t i = 0; i < sig->len; i += 3) {
        sig->data[i] ^= 0x10;
        check_is_refused(key, tbs, all);
        sig->data[i] ^= 0x10;
    }
    sig->data[sig->len++] = 0;
    check_is_refused(key, tbs, buf_view(sig));
    sig->len--;
    if (tbs->len == 0)
        return;
    changed.value[1] ^= 1; /* at the end a hash longer than the order is cut */
    check_is_refused(key, &changed, all);
}

static void check_rsa(EVP_PKEY *key, EVP_PKEY *other,
                      const struct card_tbs *tbs)
{
    uint8_t space[SIG_MAX] = {0};
    struct buf sig = BUF_ON(space);

    sign_value(key, tbs, &sig);
    check_signature(key, other, tbs, &sig);
}

static void test_check_when_pkcs1_then_hash_or_block(void **state)
{
    EVP_PKEY *key = make_key("RSA"), *other = make_key("RSA");
    struct card_tbs tbs;

    (void)state;
    for (int h = CARD_HASH_SHA1; h <= CARD_HASH_SHA512; h++) {
        enum card_hash hash = (enum card_hash)h;

        tbs = make_tbs(CARD_PAD_PKCS1, hash, hash_len(hash));
        check_rsa(key, other, &tbs);
    }
    tbs = make_tbs(CARD_PAD_PKCS1, CARD_HASH_NONE, 36);
    check_rsa(key, other, &tbs);
    tbs = make_tbs(CARD_PAD_PKCS1, CARD_HASH_NONE, 117);
    check_rsa(key, other, &tbs);
    EVP_PKEY_free(key);
    EVP_PKEY_free(other);
}

/* A hash and the DigestInfo of it make the same signature. */
static void test_check_when_digest_info_then_as_the_hash(void **state)
{
    EVP_PKEY *key = make_key("RSA");
    struct card_tbs hash = make_tbs(CARD_PAD_PKCS1, CARD_HASH_SHA256, 32);
    struct card_tbs block = {.padding = CARD_PAD_PKCS1};
    struct buf info = BUF_ON(block.value);
    uint8_t space[SIG_MAX];
    struct buf sig = BUF_ON(space);

    (void)state;
    assert_int_equal(hash_digest_info(CARD_HASH_SHA256,
                                      bytes_from(hash.value, 32), &info), 0);
    block.len = info.len;
    sign_value(key, &hash, &sig);
    assert_int_equal(check(key, &block, buf_view(&sig)), 0);
    EVP_PKEY_free(key);
}

static void test_check_when_pss_then_all_it_was_made_with(void **state)
{
    static const char *const types[] = {"RSA", "RSA-PSS"};

    (void)state;
    for (size_t i = 0; i < nitems(types); i++) {
        EVP_PKEY *key = make_key(types[i]), *other = make_key(types[i]);
        struct card_tbs tbs = make_tbs(CARD_PAD_PSS, CARD_HASH_SHA256, 32);
        uint8_t space[SIG_MAX];
        struct buf sig = BUF_ON(space);

        tbs.mgf_hash = CARD_HASH_SHA1;
        tbs.salt_len = 0;
        check_rsa(key, other, &tbs);
        tbs.salt_len = 94;
        check_rsa(key, other, &tbs);
        tbs.mgf_hash = CARD_HASH_SHA256;
        tbs.salt_len = 32;
        check_rsa(key, other, &tbs);
        sign_value(key, &tbs, &sig);
        tbs.salt_len = 31;
        check_is_refused(key, &tbs, buf_view(&sig));
        tbs.salt_len = (size_t)RSA_PSS_SALTLEN_AUTO;
        check_is_refused(key, &tbs, buf_view(&sig));
        tbs.salt_len = UINT32_MAX - 1; /* the same in 32 bits */
        check_is_refused(key, &tbs, buf_view(&sig));
        tbs.salt_len = 32;
        tbs.mgf_hash = CARD_HASH_SHA384;
        check_is_refused(key, &tbs, buf_view(&sig));
        tbs.mgf_hash = CARD_HASH_NONE;
        check_is_refused(key, &tbs, buf_view(&sig));
        tbs.mgf_hash = CARD_HASH_SHA256;
        tbs.hash = CARD_HASH_NONE;
        check_is_refused(key, &tbs, buf_view(&sig));
        EVP_PKEY_free(key);
        EVP_PKEY_free(other);
    }
}

static void test_check_when_raw_block_then_block(void **state)
{
    EVP_PKEY *key = make_key("RSA"), *other = make_key("RSA");
    struct card_tbs tbs = make_tbs(CARD_PAD_NONE, CARD_HASH_NONE, 128);

    (void)state;
    check_rsa(key, other, &tbs);
    EVP_PKEY_free(key);
    EVP_PKEY_free(other);
}

static void test_check_when_leading_zero_is_cut_then_refused(void **state)
{
    EVP_PKEY *key = make_rsa("RSA", 512);
    struct card_tbs tbs = make_tbs(CARD_PAD_NONE, CARD_HASH_NONE, 64);
    uint8_t space[SIG_MAX] = {1};
    struct buf sig = BUF_ON(space);

    (void)state;
    while (space[0] != 0) {
        tbs.value[63]++;
        tbs.value[62] = (uint8_t)(tbs.value[62] + (tbs.value[63] == 0));
        sign_value(key, &tbs, &sig);
    }
    assert_int_equal(check(key, &tbs, buf_view(&sig)), 0);
    check_is_refused(key, &tbs, bytes_from(space + 1, sig.len - 1));
    EVP_PKEY_free(key);
}

static void test_check_when_ecdsa_then_hash_of_any_length(void **state)
{
    const size_t lengths[] = {20, 32, 48, 64};

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        EVP_PKEY *key = make_ec(curves[i]), *other = make_ec(curves[i]);

        for (size_t n = 0; n < nitems(lengths); n++) {
            struct card_tbs tbs =
                make_tbs(CARD_PAD_PKCS1, CARD_HASH_NONE, lengths[n]);
            uint8_t space[SIG_MAX];
            struct buf sig = BUF_ON(space);

            sign_value(key, &tbs, &sig);
            check_signature(key, other, &tbs, &sig);
        }
        EVP_PKEY_free(key);
        EVP_PKEY_free(other);
    }
}

static void test_check_when_eddsa_then_message(void **state)
{
    static const char *const types[] = {"ED25519", "ED448"};
    static const uint8_t message[300] = {'m'};
    const size_t lengths[] = {0, 1, sizeof(message) - 1};

    (void)state;
    for (size_t i = 0; i < nitems(types); i++) {
        EVP_PKEY *key = make_key(types[i]), *other = make_key(types[i]);

        for (size_t n = 0; n < nitems(lengths); n++) {
            EVP_MD_CTX *ctx = EVP_MD_CTX_new();
            struct card_tbs tbs = {.message = {message, lengths[n]}};
            uint8_t space[SIG_MAX];
            struct buf sig = {space, sizeof(space), sizeof(space)};

            assert_int_equal(EVP_DigestSignInit(ctx, NULL, NULL, NULL, key), 1);
            assert_int_equal(EVP_DigestSign(ctx, space, &sig.len, message,
                                            lengths[n]), 1);
            check_signature(key, other, &tbs, &sig);
            tbs.message.len++;
            check_is_refused(key, &tbs, buf_view(&sig));
            tbs.message = bytes_from(NULL, 0);
            assert_int_equal(check(key, &tbs, buf_view(&sig)),
                             lengths[n] == 0 ? 0 : CARD_E_SELF_CHECK);
            EVP_MD_CTX_free(ctx);
        }
        EVP_PKEY_free(key);
        EVP_PKEY_free(other);
    }
}

static void test_check_when_key_cannot_sign_then_refused(void **state)
{
    const uint8_t sig[64] = {0};
    EVP_PKEY *key = make_key("X25519");
    struct card_tbs tbs = make_tbs(CARD_PAD_PKCS1, CARD_HASH_SHA256, 32);

    (void)state;
    check_is_refused(key, &tbs, BYTES_OF(sig));
    assert_int_equal(
        crypto_check_signature(crypto, BYTES_OF(sig), &tbs, BYTES_OF(sig)),
        CARD_E_PROTOCOL);
    EVP_PKEY_free(key);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cert_spki_when_any_key_then_as_libcrypto),
        cmocka_unit_test(test_cert_spki_when_unknown_algorithm_then_as_it_is),
        cmocka_unit_test(test_check_when_pkcs1_then_hash_or_block),
        cmocka_unit_test(test_check_when_digest_info_then_as_the_hash),
        cmocka_unit_test(test_check_when_pss_then_all_it_was_made_with),
        cmocka_unit_test(test_check_when_raw_block_then_block),
        cmocka_unit_test(test_check_when_leading_zero_is_cut_then_refused),
        cmocka_unit_test(test_check_when_ecdsa_then_hash_of_any_length),
        cmocka_unit_test(test_check_when_eddsa_then_message),
        cmocka_unit_test(test_check_when_key_cannot_sign_then_refused)};

    return cmocka_run_group_tests(tests, make_crypto, free_crypto);
}
