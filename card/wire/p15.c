/*
 * ISO 7816-15 (PKCS#15 v1.1) directory files, as real cards write them: see
 * the lax rules at each place. Everything is bounded, nothing is recursive.
 */
#include "card/wire/p15.h"

#include <string.h>

#include "card/error.h"
#include "card/wire/tlv.h"

enum {
    TAG_BOOLEAN = 0x01,
    TAG_INTEGER = 0x02,
    TAG_BIT_STRING = 0x03,
    TAG_OCTET_STRING = 0x04,
    TAG_NULL = 0x05,
    TAG_ENUMERATED = 0x0A,
    TAG_UTF8 = 0x0C,
    TAG_SEQUENCE = 0x30,
    TAG_AID = 0x4F,
    TAG_APP_LABEL = 0x50,
    TAG_APP_PATH = 0x51,
    TAG_APPLICATION = 0x61,
    TAG_CONTEXT_0 = 0x80,
    TAG_ODF_PRKDF = 0xA0,
    TAG_ODF_PUKDF = 0xA1,
    TAG_ODF_CDF = 0xA4,
    TAG_ODF_CDF_TRUSTED = 0xA5,
    TAG_ODF_CDF_USEFUL = 0xA6,
    TAG_ODF_AODF = 0xA8,
    TAG_EC_KEY = 0xA0,
    TAG_TYPE_ATTRIBUTES = 0xA1,
    TAG_APP_FILE = 0xA1
};

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

enum { KEY_BITS_MIN = 112, KEY_BITS_MAX = 8 * CARD_MAX_SIGNATURE };

/* One object of a directory, taken apart; what is absent is empty. */
struct object {
    struct bytes common;           /* CommonObjectAttributes */
    struct bytes class_attributes;
    struct bytes type;             /* typeAttributes, [1] and SEQUENCE off */
};

struct common {
    char label[CARD_LABEL_MAX];
    uint32_t flags;
    struct card_id auth_id;
    bool user_consent;
};

/* The character at the cursor by UTF-8; false, nothing moved, if it is none. */
static bool take_utf8(struct bytes *cursor, uint32_t *out)
{
    static const uint32_t smallest[] = {0, 0x80, 0x800, 0x10000};
    struct bytes rest = *cursor;
    uint8_t first, next;
    size_t more;
    uint32_t c;

    if (!bytes_take_u8(&rest, &first))
        return false;
    more = first >= 0xF0 ? 3 : first >= 0xE0 ? 2 : first >= 0xC0 ? 1 : 0;
    if ((first >= 0x80 && more == 0) || first >= 0xF8)
        return false;
    c = more == 0 ? first : first & (0x3Fu >> more);
    for (size_t i = 0; i < more; i++) {
        if (!bytes_take_u8(&rest, &next) || (next & 0xC0) != 0x80)
            return false;
        c = c << 6 | (next & 0x3F);
    }
    if (c < smallest[more] || c > 0x10FFFF || (c >= 0xD800 && c <= 0xDFFF))
        return false;
    *cursor = rest;
    *out = c;
    return true;
}

static bool is_utf8(struct bytes text)
{
    uint32_t c;

    while (text.len > 0) {
        if (!take_utf8(&text, &c))
            return false;
    }
    return true;
}

static int put_utf8(struct buf *out, uint32_t c)
{
    uint8_t raw[4];
    size_t more = c >= 0x10000 ? 3 : c >= 0x800 ? 2 : c >= 0x80 ? 1 : 0;
    static const uint8_t lead[] = {0x00, 0xC0, 0xE0, 0xF0};

    raw[0] = (uint8_t)(lead[more] | c >> 6 * more);
    for (size_t i = 1; i <= more; i++)
        raw[i] = (uint8_t)(0x80 | (c >> 6 * (more - i) & 0x3F));
    return buf_put(out, bytes_from(raw, more + 1));
}

static bool is_control(uint32_t c)
{
    return c < 0x20 || (c >= 0x7F && c <= 0x9F);
}

/* Cards of any age: UTF-8 if it is that, else Latin-1. Cut at a character. */
static void copy_label(char out[CARD_LABEL_MAX], struct bytes text)
{
    uint8_t raw[CARD_LABEL_MAX - 1];
    struct buf label = BUF_ON(raw);
    bool utf8 = is_utf8(text);
    uint8_t byte;
    uint32_t c;

    while (text.len > 0) {
        if (utf8 && !take_utf8(&text, &c))
            break;
        if (!utf8) {
            bytes_take_u8(&text, &byte);
            c = byte;
        }
        if (put_utf8(&label, is_control(c) ? '?' : c) < 0)
            break;
    }
    memcpy(out, label.data, label.len);
    out[label.len] = '\0';
}

static void find_label(struct bytes in, uint32_t tag, char out[CARD_LABEL_MAX])
{
    struct tlv t;

    if (tlv_find(in, tag, &t))
        copy_label(out, t.value);
}

static bool copy_id(struct card_id *out, struct bytes value)
{
    if (value.len > sizeof(out->data))
        return false;
    if (value.len > 0)
        memcpy(out->data, value.data, value.len);
    out->len = value.len;
    return true;
}

/* False only if it is there and too long. */
static bool find_id(struct bytes in, struct card_id *out)
{
    struct tlv t;

    return !tlv_find(in, TAG_OCTET_STRING, &t) || copy_id(out, t.value);
}

static bool copy_path(struct card_path *out, struct bytes value)
{
    if (value.len > sizeof(out->data))
        return false;
    if (value.len > 0)
        memcpy(out->data, value.data, value.len);
    out->len = value.len;
    return true;
}

static uint32_t find_bits(struct bytes in, uint32_t tag)
{
    struct tlv t;

    return tlv_find(in, tag, &t) ? tlv_bits(t.value) : 0;
}

/* Of references: whatever INTEGER is around it, 82, 0082 and FF82 are 82. */
static uint8_t find_last_byte(struct bytes in, uint32_t tag)
{
    struct tlv t;

    if (!tlv_find(in, tag, &t) || t.value.len == 0)
        return 0;
    return t.value.data[t.value.len - 1];
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

/* A file ends at 00 or FF, which pad it, or where no object can be read. */
static bool next_object(struct bytes *file, struct tlv *out)
{
    if (file->len == 0 || file->data[0] == 0x00 || file->data[0] == 0xFF)
        return false;
    return tlv_next(file, out);
}

struct path {
    struct card_path file;
    size_t offset, length;
};

/* Index and length count only together (PKCS#15 v1.1 6.1.4). */
static bool parse_range(struct bytes rest, struct path *out)
{
    struct tlv index, length;
    uint32_t offset, size;

    if (!tlv_find(rest, TAG_INTEGER, &index) ||
        !tlv_find(rest, TAG_CONTEXT_0, &length))
        return true;
    if (!tlv_unsigned(index.value, &offset) ||
        !tlv_unsigned(length.value, &size) || offset > CARD_MAX_FILE ||
        size > CARD_MAX_FILE)
        return false;
    out->offset = offset;
    out->length = size;
    return true;
}

/*
 * Content of a Path. The file may stand one level down, behind an AID that is
 * the application's own: A1 (or 30) { AID, path }. Odd lengths are no FIDs.
 */
static bool parse_path(struct bytes content, struct path *out)
{
    struct tlv t;
    struct bytes rest = content;
    struct bytes in = content;

    *out = (struct path){.offset = 0};
    if (tlv_next_is(&rest, TAG_APP_FILE, &t) ||
        tlv_next_is(&rest, TAG_SEQUENCE, &t))
        in = t.value;
    if (!tlv_find(in, TAG_OCTET_STRING, &t) || t.value.len % 2 != 0)
        return false;
    return copy_path(&out->file, t.value) && parse_range(rest, out);
}

/* The Path at the start of typeAttributes: ObjectValue, indirect. */
static bool parse_value_path(struct bytes type, struct path *out)
{
    struct tlv t;

    if (tlv_next_is(&type, TAG_SEQUENCE, &t))
        return parse_path(t.value, out);
    /* A1 { aid, path } in place of the Path */
    if (tlv_find(type, TAG_APP_FILE, &t))
        return parse_path(t.whole, out);
    return false;
}

/* NULL in place of a SEQUENCE is an empty one. */
static struct bytes take_sequence(struct bytes *cursor)
{
    struct tlv t;

    if (tlv_next_is(cursor, TAG_SEQUENCE, &t))
        return t.value;
    tlv_next_is(cursor, TAG_NULL, &t);
    return bytes_from(NULL, 0);
}

/* False for an empty object: `30 00`. */
static bool split_object(struct bytes content, struct object *out)
{
    struct tlv t;

    *out = (struct object){.common = take_sequence(&content)};
    out->class_attributes = take_sequence(&content);
    if (tlv_find(content, TAG_TYPE_ATTRIBUTES, &t)) {
        out->type = t.value;
        if (tlv_next_is(&out->type, TAG_SEQUENCE, &t))
            out->type = t.value;
    }
    return out->class_attributes.len > 0 || out->type.len > 0;
}

/* The PIN an access rule asks for before the object may be used. */
static bool find_rule_id(struct bytes common, struct card_id *out)
{
    struct tlv rules, rule, t;

    if (!tlv_find(common, TAG_SEQUENCE, &rules))
        return true;
    while (tlv_next(&rules.value, &rule)) {
        if (rule.tag == TAG_SEQUENCE &&
            (find_bits(rule.value, TAG_BIT_STRING) & ACCESS_USE) != 0 &&
            tlv_find(rule.value, TAG_OCTET_STRING, &t))
            return copy_id(out, t.value);
    }
    return true;
}

static bool parse_common(struct bytes in, struct common *out)
{
    struct tlv t;
    uint32_t number;

    *out = (struct common){.flags = find_bits(in, TAG_BIT_STRING)};
    find_label(in, TAG_UTF8, out->label);
    if (tlv_find(in, TAG_INTEGER, &t) && tlv_unsigned(t.value, &number))
        out->user_consent = number > 0;
    return find_id(in, &out->auth_id);
}

/* modulusLength or fieldSize: the first INTEGER, unless it is a keyInfo. */
static unsigned find_key_bits(struct bytes type)
{
    struct tlv t;
    uint32_t bits;

    if (!tlv_find(type, TAG_INTEGER, &t) || !tlv_unsigned(t.value, &bits) ||
        bits < KEY_BITS_MIN || bits > KEY_BITS_MAX)
        return 0;
    return bits;
}

static bool parse_key(const struct tlv *t, struct card_key_info *out)
{
    struct object o;
    struct common common;
    struct path path;

    *out = (struct card_key_info){.type = CARD_KEY_RSA};
    if (t->tag == TAG_EC_KEY)
        out->type = CARD_KEY_EC;
    else if (t->tag != TAG_SEQUENCE)
        return false;
    if (!split_object(t->value, &o) || !parse_common(o.common, &common) ||
        !find_id(o.class_attributes, &out->id))
        return false;
    if (common.auth_id.len == 0 && !find_rule_id(o.common, &common.auth_id))
        return false;
    memcpy(out->label, common.label, sizeof(out->label));
    out->auth_id = common.auth_id;
    out->private_object = (common.flags & OBJECT_PRIVATE) != 0;
    out->user_consent = common.user_consent;
    out->usage = find_bits(o.class_attributes, TAG_BIT_STRING);
    out->ref = find_last_byte(o.class_attributes, TAG_INTEGER);
    out->bits = find_key_bits(o.type);
    /* A key need not lie in a file */
    if (parse_value_path(o.type, &path))
        out->path = path.file;
    return true;
}

/* X.509 only. One whose value stands in the directory has no file to read. */
static bool parse_cert(const struct tlv *t, struct card_cert_info *out)
{
    struct object o;
    struct common common;
    struct path path;

    *out = (struct card_cert_info){.offset = 0};
    if (t->tag != TAG_SEQUENCE || !split_object(t->value, &o) ||
        !parse_common(o.common, &common) ||
        !find_id(o.class_attributes, &out->id) ||
        !parse_value_path(o.type, &path) || path.file.len == 0)
        return false;
    memcpy(out->label, common.label, sizeof(out->label));
    out->private_object = (common.flags & OBJECT_PRIVATE) != 0;
    out->path = path.file;
    out->offset = path.offset;
    out->length = path.length;
    out->authority = find_last_byte(o.class_attributes, TAG_BOOLEAN) != 0;
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

/* PasswordAttributes, whose three lengths are told apart by their order. */
static bool parse_pin_type(struct bytes in, struct card_pin_info *out)
{
    struct tlv t;
    struct path path;
    uint32_t type;

    apply_pin_flags(find_bits(in, TAG_BIT_STRING), out);
    if (!tlv_find(in, TAG_ENUMERATED, &t) || !tlv_unsigned(t.value, &type) ||
        type > CARD_PIN_ISO9564_1)
        return false;
    out->type = (enum card_pin_type)type;
    out->ref = find_last_byte(in, TAG_CONTEXT_0);
    if (tlv_find(in, TAG_OCTET_STRING, &t) && t.value.len > 0)
        out->pad_char = t.value.data[0];
    if (tlv_find(in, TAG_SEQUENCE, &t) && parse_path(t.value, &path))
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
    struct object o;
    struct common common;

    *out = (struct card_pin_info){.tries_left = CARD_TRIES_UNKNOWN,
                                  .tries_max = CARD_TRIES_UNKNOWN};
    if (t->tag != TAG_SEQUENCE || !split_object(t->value, &o) ||
        !parse_common(o.common, &common) ||
        !find_id(o.class_attributes, &out->auth_id) ||
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

    while (*count < cap && next_object(&file, &t)) {
        if (parse_key(&t, &keys[*count]))
            (*count)++;
    }
}

void p15_parse_cdf(struct bytes file, struct card_cert_info *certs, size_t cap,
                   size_t *count)
{
    struct tlv t;

    while (*count < cap && next_object(&file, &t)) {
        if (parse_cert(&t, &certs[*count]))
            (*count)++;
    }
}

void p15_parse_aodf(struct bytes file, struct card_pin_info *pins, size_t cap,
                    size_t *count)
{
    struct tlv t;

    while (*count < cap && next_object(&file, &t)) {
        if (parse_pin(&t, &pins[*count]))
            (*count)++;
    }
}

static bool has_path(const struct p15_files *files,
                     const struct card_path *path)
{
    for (size_t i = 0; i < files->count; i++) {
        if (bytes_equal(bytes_from(files->path[i].data, files->path[i].len),
                        bytes_from(path->data, path->len)))
            return true;
    }
    return false;
}

/* The Paths in every entry with that tag; one named twice counts once. */
static void collect_paths(struct bytes odf, uint32_t tag,
                          struct p15_files *files)
{
    struct tlv entry, t;
    struct path path;

    while (next_object(&odf, &entry)) {
        if (entry.tag != tag)
            continue;
        while (files->count < P15_MAX_FILES && tlv_next(&entry.value, &t)) {
            if (t.tag != TAG_SEQUENCE || !parse_path(t.value, &path) ||
                path.file.len == 0 || has_path(files, &path.file))
                continue;
            files->path[files->count++] = path.file;
        }
    }
}

int p15_parse_odf(struct bytes file, struct p15_odf *out)
{
    *out = (struct p15_odf){.prkdf = {.count = 0}};
    collect_paths(file, TAG_ODF_PRKDF, &out->prkdf);
    collect_paths(file, TAG_ODF_PUKDF, &out->pukdf);
    collect_paths(file, TAG_ODF_CDF, &out->cdf);
    collect_paths(file, TAG_ODF_CDF_TRUSTED, &out->cdf);
    collect_paths(file, TAG_ODF_CDF_USEFUL, &out->cdf);
    collect_paths(file, TAG_ODF_AODF, &out->aodf);
    if (out->prkdf.count + out->pukdf.count + out->cdf.count +
            out->aodf.count == 0)
        return card_fail(CARD_E_PROTOCOL, "EF.ODF names no directory file");
    return 0;
}

int p15_parse_token_info(struct bytes file, struct p15_token_info *out)
{
    struct tlv info, t;

    *out = (struct p15_token_info){.label = ""};
    if (!tlv_next_is(&file, TAG_SEQUENCE, &info))
        return card_fail(CARD_E_PROTOCOL, "TokenInfo is no SEQUENCE");
    if (tlv_find(info.value, TAG_OCTET_STRING, &t))
        bytes_to_hex(t.value, out->serial, sizeof(out->serial));
    find_label(info.value, TAG_UTF8, out->manufacturer);
    find_label(info.value, TAG_CONTEXT_0, out->label);
    return 0;
}

static bool parse_app(const struct tlv *t, struct p15_app *out)
{
    struct tlv field;

    *out = (struct p15_app){.label = ""};
    if (t->tag != TAG_APPLICATION)
        return false;
    if (tlv_find(t->value, TAG_AID, &field) &&
        !copy_path(&out->aid, field.value))
        return false;
    if (tlv_find(t->value, TAG_APP_PATH, &field) &&
        !copy_path(&out->path, field.value))
        return false;
    find_label(t->value, TAG_APP_LABEL, out->label);
    return out->aid.len > 0 || out->path.len > 0;
}

void p15_parse_dir(struct bytes file, struct p15_app *apps, size_t cap,
                   size_t *count)
{
    struct tlv t;

    *count = 0;
    while (*count < cap && next_object(&file, &t)) {
        if (parse_app(&t, &apps[*count]))
            (*count)++;
    }
}
