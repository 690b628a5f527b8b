/*
 * Control KEYGEN: a key pair made on a token, from the request of libp11's
 * engine to the provider's key generation.
 */
#include "engine/engine.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/objects.h>
#include <openssl/params.h>

#include "card/uri.h"
#include "engine/legacy.h"

/* As libp11.h has them since 0.4.13: KEYGEN points at the last one. */
struct request_rsa {
    unsigned bits;
};

struct request_ec {
    const char *curve;
};

struct request_params {
    unsigned char extractable;
    unsigned char sensitive;
};

struct request {
    int type; /* EVP_PKEY_RSA, EVP_PKEY_EC, EVP_PKEY_ED25519... */
    union {
        const struct request_ec *ec;
        const struct request_rsa *rsa;
    } kgen;
    const char *token_label;
    const char *key_label;
    const unsigned char *key_id;
    size_t id_len;
    const struct request_params *key_params; /* or NULL */
};

static bool add_text(char *uri, size_t cap, const char *attribute,
                     const char *value)
{
    return value == NULL
           || legacy_add(uri, cap, attribute, value, strlen(value));
}

/* The PIN of the control, if there is one. */
static bool add_pin(struct engine_state *state, char *uri, size_t cap)
{
    struct secret *pin = engine_pin(state);
    struct bytes text = secret_view(pin);
    size_t len = strlen(uri);
    bool added = pin == NULL;

    if (!added && len + 2 <= cap) {
        memcpy(uri + len, "?", 2);
        added = legacy_add(uri, cap, "pin-value", text.data, text.len - 1);
    }
    secret_free(pin);
    return added;
}

/* The token, and the new key's label and id. */
static bool make_uri(struct engine_state *state, const struct request *request,
                     char *uri, size_t cap)
{
    snprintf(uri, cap, "pkcs11:");
    return add_text(uri, cap, "token", request->token_label)
           && add_text(uri, cap, "object", request->key_label)
           && (request->id_len == 0
               || legacy_add(uri, cap, "id", request->key_id, request->id_len))
           && add_pin(state, uri, cap);
}

static bool set_params(EVP_PKEY_CTX *ctx, const struct request *request,
                       char *uri)
{
    unsigned bits = 0;
    OSSL_PARAM params[3];
    size_t n = 0;

    params[n++] = OSSL_PARAM_construct_utf8_string("pkcs11_uri", uri, 0);
    if (request->type == EVP_PKEY_RSA && request->kgen.rsa != NULL) {
        bits = request->kgen.rsa->bits;
        params[n++] = OSSL_PARAM_construct_uint(OSSL_PKEY_PARAM_RSA_BITS,
                                                &bits);
    }
    if (request->type == EVP_PKEY_EC && request->kgen.ec != NULL)
        params[n++] = OSSL_PARAM_construct_utf8_string(
            OSSL_PKEY_PARAM_GROUP_NAME,
            (char *)(uintptr_t)request->kgen.ec->curve, 0);
    params[n] = OSSL_PARAM_construct_end();
    return EVP_PKEY_CTX_set_params(ctx, params) > 0;
}

static int generate(struct engine_state *state, const struct request *request,
                    char *uri)
{
    char query[ENGINE_MAX_QUERY];
    EVP_PKEY_CTX *ctx = NULL;
    EVP_PKEY *key = NULL;
    bool made = false;

    if (engine_find_provider(state, query))
        ctx = EVP_PKEY_CTX_new_from_name(NULL, OBJ_nid2sn(request->type),
                                         query);
    if (ctx != NULL)
        made = EVP_PKEY_keygen_init(ctx) > 0 && set_params(ctx, request, uri)
               && EVP_PKEY_generate(ctx, &key) > 0;
    EVP_PKEY_free(key);
    EVP_PKEY_CTX_free(ctx);
    return made;
}

int engine_keygen(struct engine_state *state, const void *argument)
{
    const struct request *request = argument;
    char uri[CARD_URI_MAX];
    int made = 0;

    if (request == NULL) {
        ERR_raise(ERR_LIB_ENGINE, ERR_R_PASSED_NULL_PARAMETER);
        return 0;
    }
    if (request->key_params != NULL && request->key_params->extractable) {
        ERR_raise_data(ERR_LIB_ENGINE, ERR_R_UNSUPPORTED,
                       "keys are made such that they never leave the token");
        return 0;
    }
    if (make_uri(state, request, uri, sizeof(uri)))
        made = generate(state, request, uri);
    else
        ERR_raise_data(ERR_LIB_ENGINE, ERR_R_PASSED_INVALID_ARGUMENT,
                       "label or id too long");
    memory_wipe(uri, sizeof(uri));
    return made;
}
