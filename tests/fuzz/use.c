/*
 * Everything a program can want of a card: see the header.
 */
#include "tests/fuzz/use.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "card/wire/apdu.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/reader_fuzz.h"

static const uint8_t some_bytes[CARD_MAX_SIGNATURE];

static const struct card_tbs ways_to_sign[] = {
    {.hash = CARD_HASH_SHA256, .len = 32,
     .midstate = {.hash = CARD_HASH_SHA256, .bits = 512, .last_len = 5}},
    {.hash = CARD_HASH_SHA1, .len = 20},
    {.hash = CARD_HASH_SHA512, .len = 64},
    {.hash = CARD_HASH_NONE, .len = 36}, /* TLS 1.0 */
    {.padding = CARD_PAD_PSS, .hash = CARD_HASH_SHA256,
     .mgf_hash = CARD_HASH_SHA256, .salt_len = 32, .len = 32},
    {.padding = CARD_PAD_NONE},          /* as long as the modulus */
};

static const struct card_unpad ways_to_decrypt[] = {
    {.padding = CARD_UNPAD_PKCS1},
    {.padding = CARD_UNPAD_PKCS1_EXPLICIT},
    {.padding = CARD_UNPAD_TLS, .tls_version = 0x0303},
    {.padding = CARD_UNPAD_OAEP, .hash = CARD_HASH_SHA1,
     .mgf_hash = CARD_HASH_SHA1},
    {.padding = CARD_UNPAD_NONE},
};

/* Of RSA the modulus, of EC a point, of the others 32 or 56 bytes. */
static size_t input_len(const struct card_key_info *key)
{
    size_t len = (key->bits + 7) / 8;

    if (key->type == CARD_KEY_EC)
        return 1 + 2 * len;
    return len < sizeof(some_bytes) ? len : sizeof(some_bytes);
}

static struct card_tbs to_be_signed(const struct card_key_info *key,
                                    size_t way)
{
    struct card_tbs tbs = ways_to_sign[way];

    if (tbs.padding == CARD_PAD_NONE)
        tbs.len = input_len(key);
    tbs.message = bytes_from(some_bytes, 100);
    return tbs;
}

/* ---- a driver alone ------------------------------------------------------ */

/* One operation as the card layer does it: a transaction, a fresh budget. */
static bool begin(struct token *t)
{
    struct reader *r = t->reader;

    t->selected = false;
    r->budget = APDU_BUDGET;
    if (r->link == NULL && r->ops->connect(r) < 0)
        return false;
    return r->ops->begin(r) == 0;
}

static void end(struct token *t, int rc)
{
    t->reader->ops->end(t->reader, READER_LEAVE);
    must_be_result(rc);
}

static void must_be_token(const struct token *t)
{
    must_be_string(t->title, sizeof(t->title));
    must_be_string(t->model, sizeof(t->model));
    must_be_string(t->serial, sizeof(t->serial));
    must_be_string(t->label, sizeof(t->label));
    must_be_string(t->manufacturer, sizeof(t->manufacturer));
    must(t->key_count <= CARD_MAX_KEYS && t->cert_count <= CARD_MAX_CERTS &&
             t->pin_count <= CARD_MAX_PINS,
         "no more records than there is room for");
    for (size_t i = 0; i < t->key_count; i++)
        must_be_key(&t->keys[i]);
    for (size_t i = 0; i < t->cert_count; i++)
        must_be_cert(&t->certs[i]);
    for (size_t i = 0; i < t->pin_count; i++)
        must_be_pin(&t->pins[i]);
}

static void read_cert(struct token *t, size_t i)
{
    struct buf der;

    must(buf_new(&der, CARD_MAX_FILE) == 0, "memory");
    if (begin(t))
        end(t, t->driver->read_cert(t, &t->certs[i], &der));
    must_be_buf(&der);
    buf_free(&der);
}

static int log_in(struct token *t, struct card_pin_info *pin,
                  const char *value)
{
    int rc = t->driver->pin_status(t, pin);

    if (rc == 0)
        rc = t->driver->verify(t, pin, bytes_of_string(value));
    must_be_pin(pin);
    return rc;
}

/* With the PIN, if it has one; false: no transaction is held. */
static bool begin_for(struct token *t, const struct card_key_info *key,
                      const char *value)
{
    const struct bytes id = bytes_from(key->auth_id.data, key->auth_id.len);
    int rc = 0;

    if (!begin(t))
        return false;
    for (size_t i = 0; i < t->pin_count && id.len > 0; i++) {
        struct card_pin_info *pin = &t->pins[i];

        if (!bytes_equal(id, bytes_from(pin->auth_id.data, pin->auth_id.len)))
            continue;
        rc = log_in(t, pin, value);
        break;
    }
    if (rc < 0)
        end(t, rc);
    return rc == 0;
}

static bool signs(const struct card_key_info *key, const struct card_tbs *tbs)
{
    const unsigned bare = CARD_CAN_ECDSA | CARD_CAN_EDDSA | CARD_CAN_PKCS1;

    if (key->type != CARD_KEY_RSA || tbs->padding == CARD_PAD_PKCS1)
        return (key->can & (bare | CARD_CAN_PKCS1_HASH)) != 0;
    return (key->can & (tbs->padding == CARD_PAD_PSS ? CARD_CAN_PSS
                                                     : CARD_CAN_RAW_SIGN)) != 0;
}

static void sign(struct token *t, const struct card_key_info *key,
                 const char *pin)
{
    uint8_t space[CARD_MAX_SIGNATURE];

    for (size_t i = 0; i < nitems(ways_to_sign); i++) {
        const struct card_tbs tbs = to_be_signed(key, i);
        struct buf sig = BUF_ON(space);

        if (!signs(key, &tbs) || !begin_for(t, key, pin))
            continue;
        end(t, t->driver->sign(t, key, &tbs, &sig));
        must_be_buf(&sig);
    }
}

static void decrypt(struct token *t, const struct card_key_info *key,
                    const char *pin)
{
    const struct bytes cryptogram = bytes_from(some_bytes, input_len(key));
    uint8_t space[CARD_MAX_SIGNATURE];

    for (size_t i = 0; i < nitems(ways_to_decrypt); i++) {
        struct buf plain = BUF_ON(space);

        if ((key->can & (CARD_CAN_DECRYPT_PKCS1 | CARD_CAN_DECRYPT_OAEP |
                         CARD_CAN_DECRYPT_RAW)) == 0 ||
            !begin_for(t, key, pin))
            continue;
        end(t, t->driver->decrypt(t, key, &ways_to_decrypt[i], cryptogram,
                                  &plain));
        must_be_buf(&plain);
    }
}

static void derive(struct token *t, const struct card_key_info *key,
                   const char *pin)
{
    uint8_t space[CARD_MAX_SIGNATURE];
    struct buf secret = BUF_ON(space);

    if (t->driver->derive == NULL || (key->can & CARD_CAN_DERIVE) == 0 ||
        !begin_for(t, key, pin))
        return;
    end(t, t->driver->derive(t, key, bytes_from(some_bytes, input_len(key)),
                             &secret));
    must_be_buf(&secret);
}

/* The card layer takes the length from the certificate: it is never 0. */
static void use_token_key(struct token *t, const struct card_key_info *found,
                          const char *pin)
{
    struct card_key_info key = *found;

    if (key.bits == 0)
        key.bits = key.type == CARD_KEY_RSA ? 2048 : 256;
    sign(t, &key, pin);
    decrypt(t, &key, pin);
    derive(t, &key, pin);
}

static void use_token(struct token *t, const char *pin)
{
    static const unsigned lists[] = {TOKEN_KEYS, TOKEN_CERTS, TOKEN_PINS,
                                     TOKEN_INFO};

    for (size_t i = 0; i < nitems(lists); i++)
        if (begin(t))
            end(t, t->driver->list(t, lists[i]));
    must_be_token(t);
    for (size_t i = 0; i < t->cert_count; i++)
        read_cert(t, i);
    for (size_t i = 0; i < t->pin_count; i++)
        if (!t->pins[i].unblocking && begin(t))
            end(t, log_in(t, &t->pins[i], pin));
    for (size_t i = 0; i < t->key_count; i++)
        use_token_key(t, &t->keys[i], pin);
}

void use_driver(const struct driver *driver, const struct reader_ops *ops,
                void *io, const char *pin)
{
    struct token *t = calloc(1, sizeof(*t));
    struct reader r = {.ops = ops, .io = io, .name = "Fuzz"};
    int rc = CARD_E_NOT_MINE;

    must(t != NULL, "memory");
    t->driver = driver;
    t->reader = &r;
    if (begin(t)) {
        rc = driver->probe(t);
        end(t, rc);
    }
    if (rc == 0)
        use_token(t, pin);
    driver->close(t);
    ops->disconnect(&r);
    free(t);
}

/* ---- the card layer ------------------------------------------------------ */

static void use_key(struct card_key *key)
{
    const struct card_key_info *info = card_key_info(key);
    const struct bytes input = bytes_from(some_bytes, input_len(info));
    uint8_t space[CARD_MAX_SIGNATURE];

    for (size_t i = 0; i < nitems(ways_to_sign); i++) {
        const struct card_tbs tbs = to_be_signed(info, i);
        struct buf sig = BUF_ON(space);

        must_be_result(card_sign(key, &tbs, &sig));
    }
    for (size_t i = 0; i < nitems(ways_to_decrypt); i++) {
        struct buf plain = BUF_ON(space);

        must_be_result(card_decrypt(key, &ways_to_decrypt[i], input, &plain));
    }
    must_be_result(card_derive(key, input, &(struct buf)BUF_ON(space)));
}

static void use_object(const struct card_object *found)
{
    uint8_t space[1024];
    struct buf uri = BUF_ON(space);

    if (found->key == NULL)
        return;
    must_be_key(card_key_info(found->key));
    must_be_result(card_key_uri(found->key, true, &uri));
    if (found->kind == CARD_KIND_PRIVATE)
        use_key(found->key);
}

struct card_context *new_context(const struct reader_ops *ops, void *io)
{
    const struct card_settings settings = {.readers = ops, .reader_io = io};
    struct card_context *ctx;

    must(card_context_new(&settings, &ctx) == 0, "memory");
    return ctx;
}

void use_cards(struct card_context *ctx, const char *uri, unsigned kinds)
{
    struct card_search *search;
    struct card_object found;
    struct card_uri parsed;
    int rc;

    must(card_uri_parse(uri, &parsed) == 0, "the target's URI is one");
    must(card_search_new(ctx, &parsed, kinds, &search) == 0, "memory");
    while ((rc = card_search_next(search, &found)) == 0) {
        use_object(&found);
        card_key_free(found.key);
    }
    must_be_result(rc);
    card_search_free(search);
}

/* ---- the target of a driver ---------------------------------------------- */

void use_as_chosen(const struct driver *driver, unsigned how,
                   const struct reader_ops *ops, void *io,
                   struct card_context *ctx)
{
    const char *pin = (how & USE_LONG_PIN) != 0 ? "123456" : "1234";
    unsigned kinds = CARD_KIND_PRIVATE;
    char uri[128];

    if ((how & USE_CARD_LAYER) == 0) {
        use_driver(driver, ops, io, pin);
        return;
    }
    if ((how & USE_ALL_KINDS) != 0)
        kinds |= CARD_KIND_PUBLIC | CARD_KIND_CERT;
    snprintf(uri, sizeof(uri), "card:driver=%s?pin-value=%s%s", driver->name,
             pin, (how & USE_NOT_LAST) != 0 ? "&pin-rule=not-last" : "");
    use_cards(ctx, uri, kinds);
}

void fuzz_driver(const struct driver *driver, const char *const atrs[],
                 struct bytes input)
{
    static struct card_context *ctx;
    static struct reader_fuzz card;
    size_t count = 0;
    uint8_t how, atr;

    if (ctx == NULL)
        ctx = new_context(&reader_fuzz, &card);

    while (atrs[count] != NULL)
        count++;
    if (!bytes_take_u8(&input, &how) || !bytes_take_u8(&input, &atr))
        return;
    card = (struct reader_fuzz){.atr = atrs[atr % count], .input = input};
    use_as_chosen(driver, how, &reader_fuzz, &card, ctx);
}
