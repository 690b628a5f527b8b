/*
 * The tool's use of a card: see the header.
 */
#include "tests/fuzz/describe.h"

#include <string.h>

#include "card/admin.h"
#include "card/base/text.h"
#include "card/error.h"
#include "card/tool/identity.h"
#include "tests/fuzz/fuzz.h"

static const char old_pin[] = "1234", new_pin[] = "5678", puk[] = "12345678";

static void must_be_clean(const char *text)
{
    must(text_is_clean(bytes_of_string(text)), "people get clean text");
}

static int put(void *arg, const struct card_field *field)
{
    unsigned *count = arg;

    must_be_clean(field->name);
    must_be_clean(field->value);
    must_be_clean(field->source);
    must(field->value[0] != '\0', "a field has a value");
    ++*count;
    return 0;
}

/* ---- certificates -------------------------------------------------------- */

static void take_extension(void *arg, const char *oid, const char *value)
{
    unsigned *count = arg;

    must_be_clean(oid);
    must(memchr(value, '\0', 1024) != NULL, "a value ends");
    ++*count;
}

void describe_certificate(struct bytes der)
{
    struct cert_text text;
    struct identity id;
    char purposes[256];
    unsigned count = 0;

    if (cert_describe(der, &text)) {
        must_be_clean(text.holder);
        must_be_clean(text.subject);
        must_be_clean(text.issuer);
        must_be_clean(text.address);
        must_be_clean(text.number);
        cert_purposes(&text, purposes, sizeof(purposes));
        cert_validity(&text);
    }
    if (identity_read(der, &id)) {
        must_be_clean(id.family);
        must_be_clean(id.given);
        must_be_clean(id.profession);
    }
    identity_extensions(der, take_extension, &count);
}

/* ---- one application ----------------------------------------------------- */

static void look_at_objects(const struct card *c)
{
    const struct card_cert_info *cert;
    uint8_t space[CARD_URI_MAX];
    struct buf uri = BUF_ON(space);
    struct bytes der;
    size_t other;

    for (size_t i = 0; card_key_at(c, i) != NULL; i++) {
        must_be_key(card_key_at(c, i));
        must_be_clean(card_key_at(c, i)->label);
        uri.len = 0;
        must_be_result(card_object_uri(c, CARD_KIND_PRIVATE, i, &uri));
        must(text_is_clean(buf_view(&uri)), "a URI is one line");
        card_cert_of_key(c, i, &other);
        card_pin_of_key(c, i, &other);
    }
    for (size_t i = 0; (cert = card_cert_at(c, i, &der)) != NULL; i++) {
        must_be_cert(cert);
        must_be_clean(cert->label);
        uri.len = 0;
        must_be_result(card_object_uri(c, CARD_KIND_CERT, i, &uri));
        describe_certificate(der);
    }
}

static void must_be_told(int rc, const struct card_pin_result *result)
{
    must_be_result(rc);
    must(rc < 0 || result->outcome == CARD_DONE, "success is done");
    must(rc != CARD_E_PIN_WRONG || result->outcome == CARD_NOT_DONE,
         "a wrong PIN has changed nothing");
}

/* `told` is no more than is left: else nothing would go out. */
static void use_pin(struct card *c, size_t i)
{
    const struct card_try how = {.told = -1, .last_try = (i & 1) != 0};
    const struct bytes old = bytes_of_string(old_pin);
    const struct bytes new = bytes_of_string(new_pin);
    struct card_pin_result result;
    unsigned count = 0;

    must_be_pin(card_pin_at(c, i));
    must_be_clean(card_pin_at(c, i)->label);
    must_be_told(card_verify_pin(c, i, old, &how, false, &result), &result);
    must_be_told(card_change_pin(c, i, old, new, &how, false, &result),
                 &result);
    must_be_told(card_unblock_pin(c, i, bytes_of_string(puk), new, &how,
                                  &result), &result);
    must_be_result(card_describe_private(c, i, old, &how, false, &result, put,
                                         &count));
}

static void look_at(struct card *c, unsigned how)
{
    struct card_identity id;
    unsigned count = 0;

    card_identify(c, &id);
    must_be_clean(id.title);
    must_be_clean(id.model);
    must_be_clean(id.serial);
    must_be_clean(id.label);
    must_be_result(card_describe(c, put, &count));
    look_at_objects(c);
    if ((how & DESCRIBE_PINS) == 0)
        return;
    for (size_t i = 0; card_pin_at(c, i) != NULL; i++)
        use_pin(c, i);
    must_be_result(card_read(c, CARD_READ_PINS));
}

void describe_cards(struct card_context *ctx, const char *reader, unsigned how)
{
    struct card_set set;
    unsigned count = 0;
    int rc;

    if ((how & DESCRIBE_UNKNOWN) != 0) {
        must_be_result(card_describe_unknown(ctx, reader, put, &count));
        return;
    }
    rc = card_open_all(ctx, reader, 0, CARD_READ_OBJECTS | CARD_READ_PINS |
                                           CARD_READ_LABEL, &set);
    must_be_result(rc);
    for (size_t i = 0; rc == 0 && i < set.count; i++)
        look_at(set.cards[i], how);
    card_set_free(&set);
}
