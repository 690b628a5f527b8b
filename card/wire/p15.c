/*
 * Objects of ISO 7816-15 (PKCS#15 v1.1) directories, as real cards write them:
 * see the lax rules at each place. Everything is bounded, nothing is recursive.
 */
#include "card/wire/p15_int.h"

#include <string.h>

enum { TAG_KEY_ALGORITHMS = 0xA1 };

enum { OBJECT_PRIVATE = 1 << 0 };

enum { /* AccessMode */
    ACCESS_EXECUTE = 1 << 2,
    ACCESS_PSO_CDS = 1 << 5,
    ACCESS_PSO_DEC = 1 << 7,
    ACCESS_INT_AUTH = 1 << 9,
    ACCESS_USE =
        ACCESS_EXECUTE | ACCESS_PSO_CDS | ACCESS_PSO_DEC | ACCESS_INT_AUTH
};

enum { /* PasswordFlags */
    PIN_LOCAL = 1 << 1,
    PIN_CHANGE_DISABLED = 1 << 2,
    PIN_UNBLOCK_DISABLED = 1 << 3,
    PIN_NEEDS_PADDING = 1 << 5,
    PIN_UNBLOCKING = 1 << 6,
    PIN_SO = 1 << 7,
    PIN_EXCHANGE_REF_DATA = 1 << 11
};

struct common {
    char label[CARD_LABEL_MAX];
    uint32_t flags;
    struct card_id auth_id;
    bool user_consent;
};

/* The PIN an access rule asks for before the object may be used. */
static bool find_rule_id(struct bytes common, struct card_id *out)
{
    struct tlv rules, rule, t;

    if (!tlv_find(common, TAG_SEQUENCE, &rules))
        return true;
    while (tlv_next(&rules.value, &rule)) {
        if (rule.tag == TAG_SEQUENCE &&
            (p15_find_bits(rule.value, TAG_BIT_STRING) & ACCESS_USE) != 0 &&
            tlv_find(rule.value, TAG_OCTET_STRING, &t))
            return p15_copy_id(out, t.value);
    }
    return true;
}

static bool parse_common(struct bytes in, struct common *out)
{
    struct tlv t;
    uint32_t number;

    *out = (struct common){.flags = p15_find_bits(in, TAG_BIT_STRING)};
    p15_find_label(in, TAG_UTF8, out->label);
    if (tlv_find(in, TAG_INTEGER, &t) && tlv_unsigned(t.value, &number))
        out->user_consent = number > 0;
    return p15_find_id(in, &out->auth_id);
}

/* algReference: references into TokenInfo; those over 31 are not kept. */
static uint32_t find_algorithms(struct bytes class_attributes)
{
    struct tlv list, t;
    uint32_t number, found = 0;

    if (!tlv_find(class_attributes, TAG_KEY_ALGORITHMS, &list))
        return 0;
    while (tlv_next_is(&list.value, TAG_INTEGER, &t)) {
        if (tlv_unsigned(t.value, &number) && number < 32)
            found |= UINT32_C(1) << number;
    }
    return found;
}

static bool parse_key(const struct tlv *t, struct card_key_info *out)
{
    struct p15_object o;
    struct common common;
    struct p15_path path;
    struct tlv reference;

    *out = (struct card_key_info){.type = CARD_KEY_RSA};
    if (t->tag == TAG_EC_KEY)
        out->type = CARD_KEY_EC;
    else if (t->tag != TAG_SEQUENCE)
        return false;
    if (!p15_split(t->value, &o) || !parse_common(o.common, &common) ||
        !p15_find_id(o.class_attributes, &out->id))
        return false;
    if (common.auth_id.len == 0 && !find_rule_id(o.common, &common.auth_id))
        return false;
    memcpy(out->label, common.label, sizeof(out->label));
    out->auth_id = common.auth_id;
    out->private_object = (common.flags & OBJECT_PRIVATE) != 0;
    out->user_consent = common.user_consent;
    out->usage = p15_find_bits(o.class_attributes, TAG_BIT_STRING);
    out->ref = p15_last_byte(o.class_attributes, TAG_INTEGER);
    out->no_ref = !tlv_find(o.class_attributes, TAG_INTEGER, &reference);
    out->algorithms = find_algorithms(o.class_attributes);
    out->bits = p15_key_bits(o.type);
    /* A key need not lie in a file */
    if (p15_value_path(o.type, &path))
        out->path = path.file;
    return true;
}

/* ObjectValue, direct: [0] around the certificate itself. */
static bool parse_direct_cert(struct bytes file, struct bytes type,
                              struct card_cert_info *out)
{
    struct tlv t;

    if (!tlv_next_is(&type, TAG_DIRECT, &t) ||
        !tlv_next_is(&t.value, TAG_SEQUENCE, &t))
        return false;
    out->offset = (size_t)(t.whole.data - file.data);
    out->length = t.whole.len;
    return true;
}

/* X.509 only. */
static bool parse_cert(struct bytes file, const struct tlv *t,
                       struct card_cert_info *out)
{
    struct p15_object o;
    struct common common;
    struct p15_path path;

    *out = (struct card_cert_info){.offset = 0};
    if (t->tag != TAG_SEQUENCE || !p15_split(t->value, &o) ||
        !parse_common(o.common, &common) ||
        !p15_find_id(o.class_attributes, &out->id))
        return false;
    if (p15_value_path(o.type, &path) && path.file.len > 0) {
        out->path = path.file;
        out->offset = path.range.offset;
        out->length = path.range.length;
    } else if (!parse_direct_cert(file, o.type, out)) {
        return false;
    }
    memcpy(out->label, common.label, sizeof(out->label));
    out->private_object = (common.flags & OBJECT_PRIVATE) != 0;
    out->authority = p15_last_byte(o.class_attributes, TAG_BOOLEAN) != 0;
    return true;
}

static void apply_pin_flags(uint32_t flags, struct card_pin_info *out)
{
    out->local = (flags & PIN_LOCAL) != 0;
    out->change_disabled = (flags & PIN_CHANGE_DISABLED) != 0;
    out->unblock_disabled = (flags & PIN_UNBLOCK_DISABLED) != 0;
    out->needs_padding = (flags & PIN_NEEDS_PADDING) != 0;
    /* CPS3 marks its PUK as the security officer's PIN */
    out->unblocking = (flags & (PIN_UNBLOCKING | PIN_SO)) != 0;
    out->exchange_ref_data = (flags & PIN_EXCHANGE_REF_DATA) != 0;
}

static unsigned next_unsigned(struct bytes *cursor)
{
    struct tlv t;
    uint32_t number;

    if (!tlv_next_is(cursor, TAG_INTEGER, &t) ||
        !tlv_unsigned(t.value, &number))
        return 0;
    return number;
}

/* PasswordAttributes, whose three lengths are told apart by their order. */
static bool parse_pin_type(struct bytes in, struct card_pin_info *out)
{
    struct tlv t;
    struct p15_path path;
    uint32_t type;

    apply_pin_flags(p15_find_bits(in, TAG_BIT_STRING), out);
    if (!tlv_find(in, TAG_ENUMERATED, &t) || !tlv_unsigned(t.value, &type) ||
        type > CARD_PIN_ISO9564_1)
        return false;
    out->type = (enum card_pin_type)type;
    out->ref = p15_last_byte(in, TAG_CONTEXT_0);
    if (tlv_find(in, TAG_OCTET_STRING, &t) && t.value.len > 0)
        out->pad_char = t.value.data[0];
    if (tlv_find(in, TAG_SEQUENCE, &t) && p15_parse_path(t.value, &path))
        out->path = path.file;
    while (in.len > 0 && in.data[0] != TAG_INTEGER) {
        if (!tlv_next(&in, &t))
            return false;
    }
    out->min_len = next_unsigned(&in);
    out->stored_len = next_unsigned(&in);
    out->max_len = next_unsigned(&in);
    return true;
}

static bool parse_pin(const struct tlv *t, struct card_pin_info *out)
{
    struct p15_object o;
    struct common common;

    *out = (struct card_pin_info){.tries_left = CARD_TRIES_UNKNOWN,
                                  .tries_max = CARD_TRIES_UNKNOWN};
    if (t->tag != TAG_SEQUENCE || !p15_split(t->value, &o) ||
        !parse_common(o.common, &common) ||
        !p15_find_id(o.class_attributes, &out->auth_id) ||
        !parse_pin_type(o.type, out))
        return false;
    memcpy(out->label, common.label, sizeof(out->label));
    out->protected_by = common.auth_id;
    return true;
}

void p15_parse_prkdf(struct bytes file, struct card_key_info *keys, size_t cap,
                     size_t *count)
{
    struct tlv t;

    while (*count < cap && p15_next_object(&file, &t)) {
        if (parse_key(&t, &keys[*count]))
            (*count)++;
    }
}

void p15_parse_cdf(struct bytes file, struct card_cert_info *certs, size_t cap,
                   size_t *count)
{
    struct bytes cursor = file;
    struct tlv t;

    while (*count < cap && p15_next_object(&cursor, &t)) {
        if (parse_cert(file, &t, &certs[*count]))
            (*count)++;
    }
}

void p15_parse_aodf(struct bytes file, struct card_pin_info *pins, size_t cap,
                    size_t *count)
{
    struct tlv t;

    while (*count < cap && p15_next_object(&file, &t)) {
        if (parse_pin(&t, &pins[*count]))
            (*count)++;
    }
}
