/*
 * Key pairs made on a token: EVP_PKEY_generate, openssl genpkey. The token is
 * named by a URI, in the parameter that pkcs11-provider has for it or in our
 * own, shorter one. In memory no key is made here.
 */
#include "provider/provider.h"

#include <string.h>
#include <strings.h>

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/params.h>

#include "provider/params.h"

#define KEYGEN_PARAM_URI "uri"
#define KEYGEN_PARAM_PKCS11_URI "pkcs11_uri"
#define KEYGEN_PARAM_USAGE "usage"
#define KEYGEN_PARAM_PKCS11_USAGE "pkcs11_key_usage"

enum {
    EXPONENT_MAX = 64, /* bytes */
    USAGE_MAX = 256,   /* characters, as of what follows */
    CURVE_NAME_MAX = 50
};

struct keygen {
    struct prov_ctx *prov;
    struct card_key_request request;
    uint8_t exponent[EXPONENT_MAX];
    struct secret *uri; /* text: a PIN may be in it */
};

/* --- Life ---------------------------------------------------------------- */

/* Parameters alone are a file's business: there is no token to hold them. */
void *prov_keygen_init(void *provctx, enum card_key_type type, unsigned bits,
                       int selection, const OSSL_PARAM params[])
{
    struct keygen *gen;

    if ((selection & OSSL_KEYMGMT_SELECT_KEYPAIR) == 0) {
        prov_refuse(provctx, CARD_E_UNSUPPORTED, "a token makes key pairs, not "
                    "parameters: generate these with the default provider");
        return NULL;
    }
    if ((gen = OPENSSL_zalloc(sizeof(*gen))) == NULL)
        return NULL;
    gen->prov = provctx;
    gen->request.type = type;
    gen->request.bits = bits;
    if (prov_keygen_set_params(gen, params))
        return gen;
    prov_keygen_cleanup(gen);
    return NULL;
}

void *prov_keygen_init_rsa(void *provctx, int selection,
                           const OSSL_PARAM params[])
{
    return prov_keygen_init(provctx, CARD_KEY_RSA, 2048, selection, params);
}

void *prov_keygen_init_ec(void *provctx, int selection,
                          const OSSL_PARAM params[])
{
    return prov_keygen_init(provctx, CARD_KEY_EC, 256, selection, params);
}

void *prov_keygen_init_ed25519(void *provctx, int selection,
                               const OSSL_PARAM params[])
{
    return prov_keygen_init(provctx, CARD_KEY_ED25519, 0, selection, params);
}

void *prov_keygen_init_ed448(void *provctx, int selection,
                             const OSSL_PARAM params[])
{
    return prov_keygen_init(provctx, CARD_KEY_ED448, 0, selection, params);
}

void *prov_keygen_init_x25519(void *provctx, int selection,
                              const OSSL_PARAM params[])
{
    return prov_keygen_init(provctx, CARD_KEY_X25519, 0, selection, params);
}

void *prov_keygen_init_x448(void *provctx, int selection,
                            const OSSL_PARAM params[])
{
    return prov_keygen_init(provctx, CARD_KEY_X448, 0, selection, params);
}

void prov_keygen_cleanup(void *genctx)
{
    struct keygen *gen = genctx;

    if (gen == NULL)
        return;
    secret_free(gen->uri);
    OPENSSL_free(gen);
}

/* A new key on the curve of another one. */
int prov_keygen_set_template(void *genctx, void *templ)
{
    struct keygen *gen = genctx;
    const struct prov_key *key = templ;

    if (key->public == NULL)
        return 0;
    gen->request.bits = (unsigned)EVP_PKEY_get_bits(key->public);
    return 1;
}

/* --- Parameters ---------------------------------------------------------- */

/* Whether it can be parsed is said now: no token is looked for yet. */
static int check_uri(const char *text)
{
    struct card_uri uri;
    int rc = card_uri_parse(text, &uri);

    if (rc == 0)
        card_uri_clear(&uri);
    return rc;
}

static int set_uri(struct keygen *gen, const OSSL_PARAM *p)
{
    char text[CARD_URI_MAX + 1] = "";
    struct secret *copy = NULL;
    int rc;

    if (!param_text(p, text, sizeof(text)))
        rc = card_fail(CARD_E_URI, "%s: no URI, or too long a one", p->key);
    else if ((rc = check_uri(text)) == 0
             && (copy = secret_new(bytes_from(text, strlen(text) + 1))) == NULL)
        rc = card_fail(CARD_E_MEMORY, "out of memory");
    memory_wipe(text, sizeof(text));
    if (rc < 0)
        return prov_result(gen->prov, rc);
    secret_free(gen->uri);
    gen->uri = copy;
    return 1;
}

/* X.509's words (RFC 5280 4.2.1.3), and those of usage= in a URI. */
static const struct {
    const char *word;
    enum card_use use;
} usage_words[] = {{"digitalSignature", CARD_USE_AUTH},
                   {"nonRepudiation", CARD_USE_SIGN},
                   {"contentCommitment", CARD_USE_SIGN},
                   {"keyEncipherment", CARD_USE_DECRYPT},
                   {"dataEncipherment", CARD_USE_DECRYPT},
                   {"keyAgreement", CARD_USE_DECRYPT},
                   {"auth", CARD_USE_AUTH},
                   {"sign", CARD_USE_SIGN},
                   {"decrypt", CARD_USE_DECRYPT}};

static unsigned find_use(const char *word, size_t len)
{
    for (size_t i = 0; i < nitems(usage_words); i++)
        if (strlen(usage_words[i].word) == len
            && strncmp(usage_words[i].word, word, len) == 0)
            return usage_words[i].use;
    return 0;
}

static int set_usage(struct keygen *gen, const OSSL_PARAM *p)
{
    static const char separators[] = " ,";
    char words[USAGE_MAX];
    const char *text = words;
    unsigned uses = 0, use;
    size_t len;

    if (!param_text(p, words, sizeof(words)))
        return prov_refuse(gen->prov, CARD_E_ARGUMENT, "%s: no list of key "
                           "usages", p->key);
    for (text += strspn(text, separators); *text != '\0';
         text += len + strspn(text + len, separators)) {
        len = strcspn(text, separators);
        if ((use = find_use(text, len)) == 0)
            return prov_refuse(gen->prov, CARD_E_ARGUMENT, "%s: \"%.*s\" is no "
                               "key usage", p->key, len > 50 ? 50 : (int)len,
                               text);
        uses |= use;
    }
    gen->request.uses = uses;
    return 1;
}

static int set_bits(struct keygen *gen, const OSSL_PARAM *p)
{
    size_t bits;

    if (!OSSL_PARAM_get_size_t(p, &bits) || bits < 1024
        || bits > CARD_MAX_SIGNATURE * 8)
        return prov_refuse(gen->prov, CARD_E_ARGUMENT, "an RSA key has 1024 to "
                           "%d bits", CARD_MAX_SIGNATURE * 8);
    gen->request.bits = (unsigned)bits;
    return 1;
}

static int set_exponent(struct keygen *gen, const OSSL_PARAM *p)
{
    BIGNUM *e = NULL;
    int len, ok = 1;

    if (OSSL_PARAM_get_BN(p, &e) && BN_is_odd(e) && !BN_is_one(e)
        && BN_num_bytes(e) <= EXPONENT_MAX) {
        len = BN_bn2bin(e, gen->exponent);
        gen->request.exponent = bytes_from(gen->exponent, (size_t)len);
    } else {
        ok = prov_refuse(gen->prov, CARD_E_ARGUMENT, "that is no public "
                         "exponent for an RSA key");
    }
    BN_free(e);
    return ok;
}

static int set_group(struct keygen *gen, const OSSL_PARAM *p)
{
    static const struct {
        const char *name;
        unsigned bits;
    } groups[] = {{"P-256", 256},     {"prime256v1", 256}, {"secp256r1", 256},
                  {"P-384", 384},     {"secp384r1", 384},  {"P-521", 521},
                  {"secp521r1", 521}};
    char name[CURVE_NAME_MAX] = "";

    param_text(p, name, sizeof(name));
    for (size_t i = 0; i < nitems(groups); i++)
        if (strcasecmp(name, groups[i].name) == 0) {
            gen->request.bits = groups[i].bits;
            return 1;
        }
    return prov_refuse(gen->prov, CARD_E_UNSUPPORTED, "no curve \"%s\": "
                       "P-256, P-384 or P-521", name);
}

static int set_encoding(struct keygen *gen, const OSSL_PARAM *p)
{
    char name[CURVE_NAME_MAX];

    if (param_text(p, name, sizeof(name))
        && strcmp(name, OSSL_PKEY_EC_ENCODING_GROUP) == 0)
        return 1;
    return prov_refuse(gen->prov, CARD_E_UNSUPPORTED, "curves are encoded by "
                       "name only");
}

static int set_primes(struct keygen *gen, const OSSL_PARAM *p)
{
    size_t primes;

    if (OSSL_PARAM_get_size_t(p, &primes) && primes == 2)
        return 1;
    return prov_refuse(gen->prov, CARD_E_UNSUPPORTED, "tokens make RSA keys of "
                       "two primes");
}

enum { OF_RSA = 1 << 0, OF_EC = 1 << 1, OF_ALL = 1 << 2 };

static const struct {
    const char *name;
    unsigned of;
    int (*set)(struct keygen *gen, const OSSL_PARAM *p);
} setters[] = {{KEYGEN_PARAM_URI, OF_ALL, set_uri},
               {KEYGEN_PARAM_PKCS11_URI, OF_ALL, set_uri},
               {KEYGEN_PARAM_USAGE, OF_ALL, set_usage},
               {KEYGEN_PARAM_PKCS11_USAGE, OF_ALL, set_usage},
               {OSSL_PKEY_PARAM_RSA_BITS, OF_RSA, set_bits},
               {OSSL_PKEY_PARAM_RSA_E, OF_RSA, set_exponent},
               {OSSL_PKEY_PARAM_RSA_PRIMES, OF_RSA, set_primes},
               {OSSL_PKEY_PARAM_GROUP_NAME, OF_EC, set_group},
               {OSSL_PKEY_PARAM_EC_ENCODING, OF_EC, set_encoding}};

static unsigned family_of(const struct keygen *gen)
{
    switch (gen->request.type) {
    case CARD_KEY_RSA:
        return OF_RSA | OF_ALL;
    case CARD_KEY_EC:
        return OF_EC | OF_ALL;
    default:
        return OF_ALL;
    }
}

int prov_keygen_set_params(void *genctx, const OSSL_PARAM params[])
{
    struct keygen *gen = genctx;
    const OSSL_PARAM *p;

    if (params == NULL)
        return 1;
    for (size_t i = 0; i < nitems(setters); i++) {
        if ((setters[i].of & family_of(gen)) == 0)
            continue;
        p = OSSL_PARAM_locate_const(params, setters[i].name);
        if (p != NULL && !setters[i].set(gen, p))
            return 0;
    }
    return 1;
}

const OSSL_PARAM *prov_keygen_settable_params(void *genctx, void *provctx)
{
#define TOKEN_PARAMS                                                           \
    OSSL_PARAM_utf8_string(KEYGEN_PARAM_URI, NULL, 0),                         \
        OSSL_PARAM_utf8_string(KEYGEN_PARAM_PKCS11_URI, NULL, 0),              \
        OSSL_PARAM_utf8_string(KEYGEN_PARAM_USAGE, NULL, 0),                   \
        OSSL_PARAM_utf8_string(KEYGEN_PARAM_PKCS11_USAGE, NULL, 0)
    static const OSSL_PARAM rsa[] = {
        TOKEN_PARAMS, OSSL_PARAM_size_t(OSSL_PKEY_PARAM_RSA_BITS, NULL),
        OSSL_PARAM_BN(OSSL_PKEY_PARAM_RSA_E, NULL, 0),
        OSSL_PARAM_size_t(OSSL_PKEY_PARAM_RSA_PRIMES, NULL), OSSL_PARAM_END};
    static const OSSL_PARAM ec[] = {
        TOKEN_PARAMS,
        OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, NULL, 0),
        OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_EC_ENCODING, NULL, 0),
        OSSL_PARAM_END};
    static const OSSL_PARAM others[] = {TOKEN_PARAMS, OSSL_PARAM_END};
    unsigned family = family_of(genctx);

    (void)provctx;
    return (family & OF_RSA) != 0 ? rsa : (family & OF_EC) != 0 ? ec : others;
}

/* --- Making it ----------------------------------------------------------- */

static int generate(struct keygen *gen, struct prov_key **out)
{
    struct card_context *cards;
    struct card_key *card;
    struct card_uri uri;
    const void *text = secret_view(gen->uri).data;
    int rc;

    if ((rc = prov_cards(gen->prov, &cards)) < 0
        || (rc = card_uri_parse(text, &uri)) < 0)
        return rc;
    prov_enter(gen->prov);
    rc = card_generate(cards, &uri, &gen->request, &card);
    prov_leave(gen->prov);
    card_uri_clear(&uri);
    if (rc < 0)
        return rc;
    rc = prov_key_new(gen->prov, card, true, out);
    card_key_free(card);
    return rc;
}

/* The token tells nothing of its progress. */
void *prov_keygen(void *genctx, OSSL_CALLBACK *cb, void *arg)
{
    struct keygen *gen = genctx;
    struct prov_key *key = NULL;

    (void)cb;
    (void)arg;
    if (gen->uri == NULL) {
        prov_refuse(gen->prov, CARD_E_ARGUMENT, "keys are made on a token: "
                    "name it, as in -pkeyopt pkcs11_uri:'pkcs11:token=x;"
                    "object=y'; a key in a file is the default provider's");
        return NULL;
    }
    return prov_result(gen->prov, generate(gen, &key)) ? key : NULL;
}
