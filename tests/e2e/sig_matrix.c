/*
 * sig_matrix [--pkcs1] URI...: sign with each key in every way that OpenSSL
 * has, every padding, digest and salt, and verify with the default provider
 * alone, which is given the exported public half. --pkcs1: the keys make
 * PKCS#1 v1.5 with the SHA family only, and are to refuse the rest.
 */
#include <stdio.h>
#include <string.h>

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include "tests/e2e/client.h"

#define nitems(array) (sizeof(array) / sizeof((array)[0]))

enum { SIG_MAX = 1024, MESSAGE_MAX = 5000 };

struct bench {
    const char *uri;
    EVP_PKEY *key;       /* the card's or token's */
    OSSL_LIB_CTX *stock; /* the default provider, and no configuration */
    EVP_PKEY *public;    /* in `stock` */
    unsigned done, failed;
};

/* What a signature is to be; NULL: not said. */
struct kind {
    const char *digest, *pad, *salt, *mgf;
};

static unsigned char message[MESSAGE_MAX];

static void judge(struct bench *b, bool good, const char *way,
                  const struct kind *k)
{
    b->done++;
    if (good) {
        ERR_clear_error();
        return;
    }
    b->failed++;
    printf("FAIL %s: %s digest=%s pad=%s salt=%s mgf=%s\n", b->uri, way,
           k->digest != NULL ? k->digest : "-", k->pad != NULL ? k->pad : "-",
           k->salt != NULL ? k->salt : "-", k->mgf != NULL ? k->mgf : "-");
    ERR_print_errors_fp(stdout);
}

/* OSSL_PARAM knows no const. */
static void add_text(OSSL_PARAM **p, const char *name, const char *value)
{
    union {
        const char *in;
        char *out;
    } text = {.in = value};

    if (value != NULL)
        *(*p)++ = OSSL_PARAM_construct_utf8_string(name, text.out, 0);
}

static bool set_kind(EVP_PKEY_CTX *ctx, const struct kind *k)
{
    OSSL_PARAM params[4], *p = params;

    add_text(&p, OSSL_SIGNATURE_PARAM_PAD_MODE, k->pad);
    add_text(&p, OSSL_SIGNATURE_PARAM_PSS_SALTLEN, k->salt);
    add_text(&p, OSSL_SIGNATURE_PARAM_MGF1_DIGEST, k->mgf);
    *p = OSSL_PARAM_construct_end();
    return p == params || EVP_PKEY_CTX_set_params(ctx, params) > 0;
}

/* --- Messages ------------------------------------------------------------ */

static EVP_MD_CTX *start_message(OSSL_LIB_CTX *libctx, EVP_PKEY *key,
                                 const struct kind *k, bool verify)
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    EVP_PKEY_CTX *pctx;
    int ok = verify ? EVP_DigestVerifyInit_ex(ctx, &pctx, k->digest, libctx,
                                              NULL, key, NULL)
                    : EVP_DigestSignInit_ex(ctx, &pctx, k->digest, libctx, NULL,
                                            key, NULL);

    if (ok == 1 && set_kind(pctx, k))
        return ctx;
    EVP_MD_CTX_free(ctx);
    return NULL;
}

static bool sign_at_once(struct bench *b, const struct kind *k, size_t len,
                         unsigned char *sig, size_t *siglen)
{
    EVP_MD_CTX *ctx = start_message(NULL, b->key, k, false);
    bool ok =
        ctx != NULL && EVP_DigestSign(ctx, sig, siglen, message, len) == 1;

    EVP_MD_CTX_free(ctx);
    return ok;
}

/* The context goes on after a copy of it has ended, as in CMS. */
static bool sign_in_pieces(struct bench *b, const struct kind *k, size_t len,
                           unsigned char *sig, size_t *siglen)
{
    EVP_MD_CTX *ctx = start_message(NULL, b->key, k, false);
    unsigned char early[SIG_MAX];
    size_t half = len / 2, early_len = sizeof(early);
    bool ok = ctx != NULL && EVP_DigestSignUpdate(ctx, message, half) == 1
              && EVP_DigestSignFinal(ctx, early, &early_len) == 1
              && EVP_DigestSignUpdate(ctx, message + half, len - half) == 1
              && EVP_DigestSignFinal(ctx, NULL, siglen) == 1
              && EVP_DigestSignFinal(ctx, sig, siglen) == 1;

    EVP_MD_CTX_free(ctx);
    return ok;
}

static bool verify_at_once(OSSL_LIB_CTX *libctx, EVP_PKEY *key,
                           const struct kind *k, size_t len,
                           const unsigned char *sig, size_t siglen)
{
    EVP_MD_CTX *ctx = start_message(libctx, key, k, true);
    bool ok = ctx != NULL
              && EVP_DigestVerify(ctx, sig, siglen, message, len) == 1;

    EVP_MD_CTX_free(ctx);
    return ok;
}

static bool verify_in_pieces(OSSL_LIB_CTX *libctx, EVP_PKEY *key,
                             const struct kind *k, size_t len,
                             const unsigned char *sig, size_t siglen)
{
    EVP_MD_CTX *ctx = start_message(libctx, key, k, true);
    size_t half = len / 2;
    bool ok = ctx != NULL && EVP_DigestVerifyUpdate(ctx, message, half) == 1
              && EVP_DigestVerifyUpdate(ctx, message + half, len - half) == 1
              && EVP_DigestVerifyFinal(ctx, sig, siglen) == 1;

    EVP_MD_CTX_free(ctx);
    return ok;
}

/* --- Hashes that the program made ---------------------------------------- */

static EVP_PKEY_CTX *start_hash(OSSL_LIB_CTX *libctx, EVP_PKEY *key,
                                const struct kind *k, bool verify)
{
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(libctx, key, NULL);
    EVP_MD *md = NULL;
    int started = verify ? EVP_PKEY_verify_init(ctx) : EVP_PKEY_sign_init(ctx);
    bool ok = started > 0;

    if (ok && k->digest != NULL) {
        md = EVP_MD_fetch(libctx, k->digest, NULL);
        ok = md != NULL && EVP_PKEY_CTX_set_signature_md(ctx, md) > 0;
    }
    EVP_MD_free(md);
    if (ok && set_kind(ctx, k))
        return ctx;
    EVP_PKEY_CTX_free(ctx);
    return NULL;
}

static bool sign_hash(struct bench *b, const struct kind *k,
                      const unsigned char *hash, size_t len, unsigned char *sig,
                      size_t *siglen)
{
    EVP_PKEY_CTX *ctx = start_hash(NULL, b->key, k, false);
    bool ok = ctx != NULL && EVP_PKEY_sign(ctx, NULL, siglen, hash, len) == 1
              && EVP_PKEY_sign(ctx, sig, siglen, hash, len) == 1;

    EVP_PKEY_CTX_free(ctx);
    return ok;
}

static bool verify_hash(OSSL_LIB_CTX *libctx, EVP_PKEY *key,
                        const struct kind *k, const unsigned char *hash,
                        size_t len, const unsigned char *sig, size_t siglen)
{
    EVP_PKEY_CTX *ctx = start_hash(libctx, key, k, true);
    bool ok = ctx != NULL && EVP_PKEY_verify(ctx, sig, siglen, hash, len) == 1;

    EVP_PKEY_CTX_free(ctx);
    return ok;
}

/* --- One kind of signature ----------------------------------------------- */

/* By the default provider; then by the key itself, which must notice damage. */
static bool verifies(struct bench *b, const struct kind *k, size_t len,
                     unsigned char *sig, size_t siglen, bool pieces)
{
    bool good = verify_at_once(b->stock, b->public, k, len, sig, siglen)
                && verify_at_once(NULL, b->key, k, len, sig, siglen)
                && (!pieces
                    || verify_in_pieces(NULL, b->key, k, len, sig, siglen));

    if (!good)
        return false;
    sig[siglen / 2] ^= 1;
    good = !verify_at_once(NULL, b->key, k, len, sig, siglen)
           && (!pieces
               || !verify_in_pieces(NULL, b->key, k, len, sig, siglen));
    sig[siglen / 2] ^= 1;
    return good;
}

static void try_messages(struct bench *b, const struct kind *k)
{
    static const size_t lengths[] = {0, 1, MESSAGE_MAX};
    unsigned char sig[SIG_MAX];
    size_t siglen;

    for (size_t i = 0; i < nitems(lengths); i++) {
        siglen = sizeof(sig);
        judge(b, sign_at_once(b, k, lengths[i], sig, &siglen)
                     && verifies(b, k, lengths[i], sig, siglen, true),
              "at once", k);
    }
    siglen = sizeof(sig);
    judge(b, sign_in_pieces(b, k, MESSAGE_MAX, sig, &siglen)
                 && verifies(b, k, MESSAGE_MAX, sig, siglen, true),
          "in pieces", k);
}

static void try_hash(struct bench *b, const struct kind *k)
{
    unsigned char sig[SIG_MAX], hash[EVP_MAX_MD_SIZE];
    size_t siglen = sizeof(sig), len;
    bool good =
        EVP_Q_digest(b->stock, k->digest, NULL, message, MESSAGE_MAX, hash,
                     &len) == 1
        && sign_hash(b, k, hash, len, sig, &siglen)
        && verify_hash(b->stock, b->public, k, hash, len, sig, siglen)
        && verify_hash(NULL, b->key, k, hash, len, sig, siglen)
        && !sign_hash(b, k, hash, len - 1, sig, &siglen);

    judge(b, good, "hash", k);
}

/* A certificate request: its AlgorithmIdentifier tells all to a verifier. */
static void try_request(struct bench *b, const struct kind *k)
{
    X509_REQ *req = X509_REQ_new();
    EVP_MD_CTX *ctx = start_message(NULL, b->key, k, false);
    unsigned char *der = NULL;
    const unsigned char *cursor;
    int len = -1;
    bool good = false;

    if (ctx != NULL && X509_REQ_set_pubkey(req, b->key) == 1
        && X509_REQ_sign_ctx(req, ctx) > 0)
        len = i2d_X509_REQ(req, &der);
    X509_REQ_free(req);
    cursor = der;
    if (len > 0 && (req = d2i_X509_REQ(NULL, &cursor, len)) != NULL) {
        good = X509_REQ_verify_ex(req, b->public, b->stock, NULL) == 1;
        X509_REQ_free(req);
    }
    OPENSSL_free(der);
    EVP_MD_CTX_free(ctx);
    judge(b, good, "request", k);
}


static void try_kind(struct bench *b, const struct kind *k)
{
    try_messages(b, k);
    try_hash(b, k);
    try_request(b, k);
}

static void try_refused(struct bench *b, const struct kind *k)
{
    unsigned char sig[SIG_MAX];
    size_t siglen = sizeof(sig);

    judge(b, !sign_at_once(b, k, 1, sig, &siglen), "is to be refused", k);
}

/* --- OpenSSL 3.4: algorithms that name their digest ---------------------- */

#if OPENSSL_VERSION_NUMBER >= 0x30400000L
static bool named_sign(struct bench *b, EVP_SIGNATURE *algorithm, bool pieces,
                       unsigned char *sig, size_t *siglen)
{
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, b->key, NULL);
    bool ok = EVP_PKEY_sign_message_init(ctx, algorithm, NULL) == 1;

    if (pieces)
        ok = ok && EVP_PKEY_sign_message_update(ctx, message, 100) == 1
             && EVP_PKEY_sign_message_update(ctx, message + 100, 900) == 1
             && EVP_PKEY_sign_message_final(ctx, sig, siglen) == 1;
    else
        ok = ok && EVP_PKEY_sign(ctx, sig, siglen, message, 1000) == 1;
    EVP_PKEY_CTX_free(ctx);
    return ok;
}

static bool named_verify(struct bench *b, EVP_SIGNATURE *algorithm, bool pieces,
                         const unsigned char *sig, size_t siglen)
{
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, b->key, NULL);
    bool ok = EVP_PKEY_verify_message_init(ctx, algorithm, NULL) == 1;

    if (pieces)
        ok = ok && EVP_PKEY_CTX_set_signature(ctx, sig, siglen) == 1
             && EVP_PKEY_verify_message_update(ctx, message, 100) == 1
             && EVP_PKEY_verify_message_update(ctx, message + 100, 900) == 1
             && EVP_PKEY_verify_message_final(ctx) == 1;
    else
        ok = ok && EVP_PKEY_verify(ctx, sig, siglen, message, 1000) == 1;
    EVP_PKEY_CTX_free(ctx);
    return ok;
}

static void try_named(struct bench *b, const char *name, const char *digest,
                      bool in_pieces)
{
    const struct kind k = {.digest = digest};
    EVP_SIGNATURE *algorithm =
        EVP_SIGNATURE_fetch(NULL, name, "provider!=default");
    unsigned char sig[SIG_MAX];

    for (int pieces = 0; pieces <= (in_pieces ? 1 : 0); pieces++) {
        size_t siglen = sizeof(sig);
        bool good = algorithm != NULL
                    && named_sign(b, algorithm, pieces != 0, sig, &siglen)
                    && verify_at_once(b->stock, b->public, &k, 1000, sig,
                                      siglen)
                    && named_verify(b, algorithm, pieces != 0, sig, siglen);

        sig[siglen / 2] ^= 1;
        good = good && !named_verify(b, algorithm, pieces != 0, sig, siglen);
        judge(b, good, name, &k);
    }
    EVP_SIGNATURE_free(algorithm);
}
#else
static void try_named(struct bench *b, const char *name, const char *digest,
                      bool in_pieces)
{
    (void)b, (void)name, (void)digest, (void)in_pieces;
}
#endif

/* --- By type ------------------------------------------------------------- */

static const char *const sha[] = {"SHA1", "SHA224", "SHA256", "SHA384",
                                  "SHA512"};

/* Blocks without a digest: what goes in comes out again. */
static void try_block(struct bench *b, const char *pad, const unsigned char *in,
                      size_t len)
{
    const struct kind k = {.pad = pad};
    EVP_PKEY *const verifiers[] = {b->public, b->key};
    OSSL_LIB_CTX *const libctxs[] = {b->stock, NULL};
    unsigned char sig[SIG_MAX], out[SIG_MAX];
    size_t siglen = sizeof(sig), outlen;
    bool good = sign_hash(b, &k, in, len, sig, &siglen);

    for (size_t i = 0; good && i < nitems(verifiers); i++) {
        EVP_PKEY_CTX *ctx =
            EVP_PKEY_CTX_new_from_pkey(libctxs[i], verifiers[i], NULL);

        outlen = sizeof(out);
        good = EVP_PKEY_verify_recover_init(ctx) == 1 && set_kind(ctx, &k)
               && EVP_PKEY_verify_recover(ctx, out, &outlen, sig, siglen) == 1
               && outlen == len && memcmp(out, in, len) == 0;
        EVP_PKEY_CTX_free(ctx);
    }
    judge(b, good, "block", &k);
}

static void try_pkcs1(struct bench *b)
{
    static const unsigned char tls[36] = {1, 2, 3}; /* MD5 || SHA-1 */
    char name[32];

    for (size_t i = 0; i < nitems(sha); i++) {
        try_kind(b, &(struct kind){.digest = sha[i]});
        try_kind(b, &(struct kind){.digest = sha[i], .pad = "pkcs1"});
        snprintf(name, sizeof(name), "RSA-%s", sha[i]);
        try_named(b, name, sha[i], true);
    }
    try_messages(b, &(struct kind){.digest = "MD5-SHA1"});
    try_block(b, NULL, tls, sizeof(tls));
    try_block(b, "pkcs1", message, 100);
}

static void try_pss(struct bench *b)
{
    static const char *const salts[] = {NULL, "digest", "max", "auto", "0",
                                        "20"};
    unsigned char block[SIG_MAX];

    for (size_t i = 0; i < nitems(sha); i++) {
        for (size_t j = 0; j < nitems(salts); j++)
            try_kind(b, &(struct kind){sha[i], "pss", salts[j], NULL});
        try_kind(b, &(struct kind){sha[i], "pss", "digest", "SHA1"});
        try_kind(b, &(struct kind){sha[i], "pss", "digest", "SHA512"});
        if (OPENSSL_version_major() > 3 || OPENSSL_version_minor() > 0)
            try_kind(b, &(struct kind){sha[i], "pss", "auto-digestmax", NULL});
    }
    try_refused(b, &(struct kind){"SHA256", "pss", "4000", NULL});
    try_refused(b, &(struct kind){"SHA256", "oaep", NULL, NULL});
    try_refused(b, &(struct kind){"SHA256", "x931", NULL, NULL});
    try_refused(b, &(struct kind){"SHA256", "none", NULL, NULL});
    memset(block, 0x5A, sizeof(block));
    try_block(b, "none", block, (size_t)EVP_PKEY_get_size(b->public));
}

/* The key says that it makes nothing else. */
static void try_pss_key(struct bench *b)
{
    try_kind(b, &(struct kind){.digest = "SHA256"});
    try_kind(b, &(struct kind){"SHA256", "pss", "digest", NULL});
    try_kind(b, &(struct kind){"SHA256", "pss", "40", NULL});
    try_refused(b, &(struct kind){.digest = "SHA256", .pad = "pkcs1"});
    try_refused(b, &(struct kind){.digest = "SHA256", .pad = "none"});
}

/* What one operation was told does not hold for the next of its context. */
static void try_again(struct bench *b)
{
    const struct kind pss = {.pad = "pss", .salt = "0"};
    const struct kind plain = {.digest = NULL};
    unsigned char sig[SIG_MAX];
    size_t siglen = sizeof(sig);
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, b->key, NULL);
    bool good = EVP_PKEY_sign_init(ctx) == 1 && set_kind(ctx, &pss)
                && EVP_PKEY_sign(ctx, sig, &siglen, message, 20) == 1
                && EVP_PKEY_sign_init(ctx) == 1;

    siglen = sizeof(sig);
    good = good && EVP_PKEY_sign(ctx, sig, &siglen, message, 36) == 1
           && verify_hash(b->stock, b->public, &plain, message, 36, sig,
                          siglen);
    EVP_PKEY_CTX_free(ctx);
    judge(b, good, "again", &plain);
}

/* Hashes that OpenSSL 3.0 names in no request, and card layers nowhere. */
static void try_other_hash(struct bench *b, const char *digest)
{
    const struct kind k = {.digest = digest};

    try_messages(b, &k);
    try_hash(b, &k);
}

static void try_ecdsa(struct bench *b)
{
    static const size_t lengths[] = {1, 20, 31, 33, 64};
    char name[32];

    for (size_t i = 0; i < nitems(sha); i++) {
        try_kind(b, &(struct kind){.digest = sha[i]});
        snprintf(name, sizeof(name), "ECDSA-%s", sha[i]);
        try_named(b, name, sha[i], true);
    }
    try_other_hash(b, "SHA3-384");
    for (size_t i = 0; i < nitems(lengths); i++) {
        const struct kind k = {.digest = NULL};
        unsigned char sig[SIG_MAX];
        size_t siglen = sizeof(sig), len = lengths[i];

        judge(b, sign_hash(b, &k, message, len, sig, &siglen)
                     && verify_hash(b->stock, b->public, &k, message, len, sig,
                                    siglen)
                     && verify_hash(NULL, b->key, &k, message, len, sig,
                                    siglen),
              "bare hash", &k);
    }
    try_refused(b, &(struct kind){.digest = "SHAKE256"});
}

static void try_eddsa(struct bench *b, const char *name)
{
    static const size_t lengths[] = {0, 1, MESSAGE_MAX};
    const struct kind k = {.digest = NULL};
    unsigned char sig[SIG_MAX];
    size_t siglen;

    for (size_t i = 0; i < nitems(lengths); i++) {
        siglen = sizeof(sig);
        judge(b, sign_at_once(b, &k, lengths[i], sig, &siglen)
                     && verifies(b, &k, lengths[i], sig, siglen, false),
              "at once", &k);
    }
    try_request(b, &k);
    try_named(b, name, NULL, false);
    try_refused(b, &(struct kind){.digest = "SHA512"});
    siglen = sizeof(sig);
    judge(b, !sign_hash(b, &k, message, 64, sig, &siglen), "hash refused", &k);
}

static void try_type(struct bench *b, bool only_pkcs1)
{
    if (EVP_PKEY_is_a(b->key, "EC")) {
        try_ecdsa(b);
    } else if (EVP_PKEY_is_a(b->key, "ED25519")) {
        try_eddsa(b, "ED25519");
    } else if (EVP_PKEY_is_a(b->key, "ED448")) {
        try_eddsa(b, "ED448");
    } else if (EVP_PKEY_is_a(b->key, "RSA-PSS")) {
        try_pss_key(b);
    } else if (only_pkcs1) {
        try_pkcs1(b);
        try_refused(b, &(struct kind){"SHA256", "pss", "digest", NULL});
        try_refused(b, &(struct kind){"SHA256", "none", NULL, NULL});
    } else {
        try_pkcs1(b);
        try_other_hash(b, "SHA3-256");
        try_other_hash(b, "SHA2-512/256");
        try_pss(b);
        try_again(b);
    }
}

/* --- Keys ---------------------------------------------------------------- */

static EVP_PKEY *export_public(EVP_PKEY *key, OSSL_LIB_CTX *stock)
{
    unsigned char *der = NULL;
    int len = i2d_PUBKEY(key, &der);
    const unsigned char *cursor = der;
    EVP_PKEY *public = len > 0 ? d2i_PUBKEY_ex(NULL, &cursor, len, stock, NULL)
                               : NULL;

    OPENSSL_free(der);
    return public;
}

static bool try_key(const char *uri, bool only_pkcs1)
{
    struct bench b = {.uri = uri, .stock = OSSL_LIB_CTX_new()};
    bool good = false;

    b.key = client_load_key(uri);
    if (b.key != NULL)
        b.public = export_public(b.key, b.stock);
    if (b.public == NULL) {
        ERR_print_errors_fp(stdout);
    } else {
        try_type(&b, only_pkcs1);
        printf("%s: %s, %u of %u failed\n", uri,
               EVP_PKEY_get0_type_name(b.key), b.failed, b.done);
        good = b.failed == 0 && b.done > 0;
    }
    EVP_PKEY_free(b.public);
    EVP_PKEY_free(b.key);
    OSSL_LIB_CTX_free(b.stock);
    return good;
}

int main(int argc, char **argv)
{
    bool only_pkcs1 = argc > 1 && strcmp(argv[1], "--pkcs1") == 0;
    bool good = argc > (only_pkcs1 ? 2 : 1);

    for (size_t i = 0; i < sizeof(message); i++)
        message[i] = (unsigned char)(i % 251);
    for (int i = only_pkcs1 ? 2 : 1; i < argc; i++)
        good = try_key(argv[i], only_pkcs1) && good;
    return good ? 0 : 1;
}
