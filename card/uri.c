/*
 * URIs to struct card_uri: RFC 7512 and our own attributes by one table. No
 * error message holds a value: it may be a PIN.
 */
#include "card/uri.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "card/error.h"

enum scheme { SCHEME_PKCS11, SCHEME_CARD };

enum kind {
    KIND_STRING,
    KIND_ID,
    KIND_TYPE,
    KIND_SLOT_ID,
    KIND_VERSION,
    KIND_USAGE,
    KIND_PIN_RULE,
    KIND_PIN_VALUE,
    KIND_PIN_SOURCE,
    KIND_MODULE /* would load code: refused */
};

enum place {
    IN_PATH = 1 << 0,
    IN_QUERY = 1 << 1,
    IN_CARD_ONLY = 1 << 2
};

struct attribute {
    const char *name;
    enum kind kind;
    unsigned places; /* enum place */
    size_t offset;   /* KIND_STRING: of the char * in struct card_uri */
};

#define FIELD(name) offsetof(struct card_uri, name)

static const struct attribute attributes[] = {
    {"token", KIND_STRING, IN_PATH, FIELD(token)},
    {"manufacturer", KIND_STRING, IN_PATH, FIELD(manufacturer)},
    {"model", KIND_STRING, IN_PATH, FIELD(model)},
    {"serial", KIND_STRING, IN_PATH, FIELD(serial)},
    {"object", KIND_STRING, IN_PATH, FIELD(object)},
    {"slot-description", KIND_STRING, IN_PATH, FIELD(slot_description)},
    {"slot-manufacturer", KIND_STRING, IN_PATH, FIELD(slot_manufacturer)},
    {"library-description", KIND_STRING, IN_PATH, FIELD(library_description)},
    {"library-manufacturer", KIND_STRING, IN_PATH, FIELD(library_manufacturer)},
    {"issuer", KIND_STRING, IN_PATH | IN_CARD_ONLY, FIELD(issuer)},
    {"subject", KIND_STRING, IN_PATH | IN_CARD_ONLY, FIELD(subject)},
    {"reader", KIND_STRING, IN_PATH | IN_CARD_ONLY, FIELD(reader)},
    {"driver", KIND_STRING, IN_PATH | IN_CARD_ONLY, FIELD(driver)},
    {"id", KIND_ID, IN_PATH, 0},
    {"type", KIND_TYPE, IN_PATH, 0},
    {"object-type", KIND_TYPE, IN_PATH, 0}, /* of the RFC's drafts */
    {"slot-id", KIND_SLOT_ID, IN_PATH, 0},
    {"library-version", KIND_VERSION, IN_PATH, 0},
    {"usage", KIND_USAGE, IN_PATH | IN_CARD_ONLY, 0},
    {"pin-rule", KIND_PIN_RULE, IN_PATH | IN_QUERY | IN_CARD_ONLY, 0},
    /* Query attributes by the RFC; users write them behind ';' as well */
    {"pin-value", KIND_PIN_VALUE, IN_PATH | IN_QUERY, 0},
    {"pin-source", KIND_PIN_SOURCE, IN_PATH | IN_QUERY, 0},
    {"module-path", KIND_MODULE, IN_PATH | IN_QUERY, 0},
    {"module-name", KIND_MODULE, IN_PATH | IN_QUERY, 0}};

/* A parse under way. */
struct parser {
    enum scheme scheme;
    const char *rest; /* not yet read */
    bool in_query;
    unsigned number;  /* of the attribute, from 1 */
    uint32_t seen;    /* bit per row of attributes */
    struct card_uri uri;
};

/* One attribute of the text: name and raw value, lent. */
struct pair {
    struct bytes name, value;
    bool has_value;
};

struct word {
    const char *text;
    unsigned value;
};

static bool is_word(struct bytes text, const char *word)
{
    return bytes_equal(text, bytes_of_string(word));
}

static bool find_word(const struct word *words, struct bytes text,
                      unsigned *value)
{
    for (; words->text != NULL; words++) {
        if (!is_word(text, words->text))
            continue;
        *value = words->value;
        return true;
    }
    return false;
}

/* What follows "<scheme>:" and an optional "//"; NULL if it is another. */
static const char *skip_scheme(const char *text, const char *scheme)
{
    size_t len = strlen(scheme);

    if (strncasecmp(text, scheme, len) != 0 || text[len] != ':')
        return NULL;
    text += len + 1;
    return strncmp(text, "//", 2) == 0 ? text + 2 : text;
}

/* What follows the schemes; NULL if they are not ours. */
static const char *skip_schemes(const char *text, enum scheme *scheme)
{
    const char *store = skip_scheme(text, "store");
    const char *rest;

    *scheme = SCHEME_CARD;
    if (store != NULL)
        text = store;
    if ((rest = skip_scheme(text, "card")) != NULL)
        return rest;
    if ((rest = skip_scheme(text, "pkcs11")) != NULL) {
        *scheme = SCHEME_PKCS11;
        return rest;
    }
    return store;
}

static int bad(const struct attribute *a, const char *why)
{
    return card_fail(CARD_E_URI, "URI attribute %s: %s", a->name, why);
}

static int hex_digit(uint8_t c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Undo percent-encoding. */
static int decode(const struct attribute *a, struct bytes raw, struct buf *out)
{
    uint8_t c, high, low;
    int rc;

    while (bytes_take_u8(&raw, &c)) {
        if (c == '%') {
            if (!bytes_take_u8(&raw, &high) || !bytes_take_u8(&raw, &low) ||
                hex_digit(high) < 0 || hex_digit(low) < 0)
                return bad(a, "% without two hexadecimal digits");
            c = (uint8_t)(hex_digit(high) << 4 | hex_digit(low));
        }
        if (c == '\0' && a->kind != KIND_ID)
            return bad(a, "%00 inside");
        if ((rc = buf_put_u8(out, c)) < 0)
            return rc;
    }
    return 0;
}

static int set_string(struct bytes value, char **out)
{
    char *copy = malloc(value.len + 1);

    if (copy == NULL)
        return card_fail(CARD_E_MEMORY, "no memory for a URI");
    if (value.len > 0)
        memcpy(copy, value.data, value.len);
    copy[value.len] = '\0';
    *out = copy;
    return 0;
}

static int set_id(const struct attribute *a, struct bytes value,
                  struct card_id *out)
{
    if (value.len > sizeof(out->data))
        return bad(a, "too long");
    if (value.len > 0)
        memcpy(out->data, value.data, value.len);
    out->len = value.len;
    return 0;
}

static int set_type(const struct attribute *a, struct bytes value,
                    enum card_uri_type *out)
{
    static const struct word words[] = {{"cert", CARD_URI_CERT},
                                        {"public", CARD_URI_PUBLIC},
                                        {"private", CARD_URI_PRIVATE},
                                        {"data", CARD_URI_OTHER},
                                        {"secret-key", CARD_URI_OTHER},
                                        {NULL, 0}};
    unsigned type;

    if (!find_word(words, value, &type))
        return bad(a, "is cert, public, private, data or secret-key");
    *out = (enum card_uri_type)type;
    return 0;
}

static int set_usage(const struct attribute *a, struct bytes value,
                     unsigned *out)
{
    static const struct word words[] = {{"auth", CARD_USE_AUTH},
                                        {"sign", CARD_USE_SIGN},
                                        {"decrypt", CARD_USE_DECRYPT},
                                        {NULL, 0}};

    return find_word(words, value, out) ? 0
                                        : bad(a, "is auth, sign or decrypt");
}

/* Digits only, no sign, no overflow. */
static bool take_number(struct bytes *cursor, unsigned long *out)
{
    unsigned long number = 0;
    size_t before = cursor->len;
    struct bytes rest = *cursor;
    uint8_t c;

    while (bytes_take_u8(&rest, &c) && c >= '0' && c <= '9') {
        unsigned long digit = (unsigned long)(c - '0');

        if (number > (ULONG_MAX - digit) / 10)
            return false;
        number = 10 * number + digit;
        *cursor = rest;
    }
    *out = number;
    return cursor->len < before;
}

static int set_slot_id(const struct attribute *a, struct bytes value,
                       struct card_uri *uri)
{
    if (!take_number(&value, &uri->slot_id) || value.len > 0)
        return bad(a, "is a decimal number");
    uri->has_slot_id = true;
    return 0;
}

static int set_version(const struct attribute *a, struct bytes value,
                       struct card_uri *uri)
{
    uint8_t dot;

    if (!take_number(&value, &uri->library_major) ||
        (bytes_take_u8(&value, &dot) &&
         (dot != '.' || !take_number(&value, &uri->library_minor))) ||
        value.len > 0)
        return bad(a, "is a number or two with a dot between");
    uri->has_library_version = true;
    return 0;
}

static int set_pin_rule(const struct attribute *a, struct bytes value,
                        bool *not_last)
{
    if (!is_word(value, "not-last"))
        return bad(a, "is not-last");
    *not_last = true;
    return 0;
}

static int set_pin_value(const struct attribute *a, struct bytes value,
                         struct secret **out)
{
    if (value.len == 0 || value.len > CARD_MAX_PIN)
        return bad(a, "empty or too long");
    if ((*out = secret_new(value)) == NULL)
        return card_fail(CARD_E_MEMORY, "no memory for a PIN");
    return 0;
}

/* The path of a file URI of this machine (RFC 8089): file:/p, file:///p. */
static int peel_file_uri(const struct attribute *a, struct bytes *value)
{
    static const char *const hosts[] = {"//localhost/", "///"};
    struct bytes skipped;

    if (value->len < 5 ||
        strncasecmp((const char *)value->data, "file:", 5) != 0)
        return 0;
    bytes_take(value, 5, &skipped);
    for (size_t i = 0; i < nitems(hosts); i++) {
        struct bytes host = bytes_of_string(hosts[i]);

        if (bytes_start_with(*value, host)) {
            bytes_take(value, host.len - 1, &skipped);
            return 0;
        }
    }
    if (bytes_start_with(*value, bytes_of_string("//")))
        return bad(a, "a file on another machine");
    return 0;
}

static int set_pin_source(const struct attribute *a, struct bytes value,
                          char **out)
{
    int rc;

    if ((rc = peel_file_uri(a, &value)) < 0)
        return rc;
    if (value.len == 0)
        return bad(a, "empty");
    if (value.data[0] == '|')
        return bad(a, "commands are not run");
    return set_string(value, out);
}

static int store(const struct attribute *a, struct bytes value,
                 struct card_uri *uri)
{
    switch (a->kind) {
    case KIND_STRING:
        return set_string(value, (char **)((char *)uri + a->offset));
    case KIND_ID:
        return set_id(a, value, &uri->id);
    case KIND_TYPE:
        return set_type(a, value, &uri->type);
    case KIND_SLOT_ID:
        return set_slot_id(a, value, uri);
    case KIND_VERSION:
        return set_version(a, value, uri);
    case KIND_USAGE:
        return set_usage(a, value, &uri->uses);
    case KIND_PIN_RULE:
        return set_pin_rule(a, value, &uri->pin_not_last);
    case KIND_PIN_VALUE:
        return set_pin_value(a, value, &uri->pin_value);
    case KIND_PIN_SOURCE:
        return set_pin_source(a, value, &uri->pin_source);
    case KIND_MODULE:
        break;
    }
    return bad(a, "a URI never loads a module: name it in the configuration");
}

/* Cut the next "name=value" off the text, with the separator behind it. */
static struct pair next_pair(struct parser *p)
{
    size_t len = strcspn(p->rest, p->in_query ? "&;" : ";?");
    const char *equals = memchr(p->rest, '=', len);
    size_t name_len = equals == NULL ? len : (size_t)(equals - p->rest);
    struct pair pair = {.name = bytes_from(p->rest, name_len),
                        .has_value = equals != NULL};

    if (equals != NULL)
        pair.value = bytes_from(equals + 1, len - name_len - 1);
    p->rest += len;
    p->number++;
    return pair;
}

/*
 * Names that are no words, or follow a PIN, are not shown: behind a ';' that
 * belongs to a PIN and was not encoded stands a part of the PIN.
 */
static int unknown_attribute(const struct parser *p, struct bytes name)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz-";
    char text[33] = "";
    struct buf copy = {(uint8_t *)text, 0, sizeof(text) - 1};

    if (name.len == 0 || p->uri.pin_value != NULL ||
        buf_put(&copy, name) < 0 || strspn(text, letters) != name.len)
        return card_fail(CARD_E_URI, "URI attribute number %u: unknown name",
                         p->number);
    return card_fail(CARD_E_URI, "URI attribute %s: unknown %s", text,
                     p->scheme == SCHEME_PKCS11 ? "in pkcs11:" : "here");
}

static const struct attribute *find_attribute(const struct parser *p,
                                              struct bytes name)
{
    unsigned place = p->in_query ? IN_QUERY : IN_PATH;

    for (size_t i = 0; i < nitems(attributes); i++) {
        const struct attribute *a = &attributes[i];

        if (is_word(name, a->name) && (a->places & place) != 0 &&
            (p->scheme == SCHEME_CARD || (a->places & IN_CARD_ONLY) == 0))
            return a;
    }
    return NULL;
}

static int parse_pair(struct parser *p, const struct pair *pair)
{
    uint8_t raw[CARD_URI_MAX];
    struct buf value = BUF_ON(raw);
    const struct attribute *a;
    uint32_t bit;
    int rc;

    if (!pair->has_value)
        return card_fail(CARD_E_URI, "URI attribute number %u: no '='",
                         p->number);
    if ((a = find_attribute(p, pair->name)) == NULL)
        return unknown_attribute(p, pair->name);
    bit = (uint32_t)1 << (a - attributes);
    if ((p->seen & bit) != 0)
        return bad(a, "given twice");
    p->seen |= bit;
    if ((rc = decode(a, pair->value, &value)) == 0)
        rc = store(a, buf_view(&value), &p->uri);
    buf_wipe(&value);
    return rc;
}

/* The attributes of the path or of the query, up to its end. */
static int parse_part(struct parser *p)
{
    const char *separators = p->in_query ? "&;" : ";";
    int rc;

    if (*p->rest == '\0' || (*p->rest == '?' && !p->in_query))
        return 0;
    for (;;) {
        struct pair pair = next_pair(p);

        if ((rc = parse_pair(p, &pair)) < 0)
            return rc;
        if (*p->rest == '\0' || strchr(separators, *p->rest) == NULL)
            return 0;
        p->rest++;
    }
}

int card_uri_parse(const char *text, struct card_uri *out)
{
    struct parser p = {.number = 0};
    int rc;

    if (strnlen(text, CARD_URI_MAX + 1) > CARD_URI_MAX)
        return card_fail(CARD_E_URI, "URI over %d bytes", CARD_URI_MAX);
    if ((p.rest = skip_schemes(text, &p.scheme)) == NULL)
        return card_fail(CARD_E_URI, "URI is not pkcs11:, card: or store:");
    if ((rc = parse_part(&p)) < 0)
        goto out;
    if (*p.rest == '?') {
        p.rest++;
        p.in_query = true;
        rc = parse_part(&p);
    }
out:
    p.uri.pkcs11 = p.scheme == SCHEME_PKCS11;
    if (rc < 0)
        card_uri_clear(&p.uri);
    else
        *out = p.uri;
    return rc;
}

void card_uri_clear(struct card_uri *uri)
{
    for (size_t i = 0; i < nitems(attributes); i++) {
        if (attributes[i].kind == KIND_STRING)
            free(*(char **)((char *)uri + attributes[i].offset));
    }
    free(uri->pin_source);
    secret_free(uri->pin_value);
    *uri = (struct card_uri){.token = NULL};
}

bool card_uri_is_ours(const char *text)
{
    enum scheme scheme;

    return text != NULL && skip_schemes(text, &scheme) != NULL;
}

/* Whether an attribute we know, or the query, begins here. */
static bool is_attribute_start(const char *text)
{
    for (size_t i = 0; i < nitems(attributes); i++) {
        size_t len = strlen(attributes[i].name);

        if (strncasecmp(text, attributes[i].name, len) == 0 &&
            text[len] == '=')
            return true;
    }
    return false;
}

/*
 * Behind a PIN: the next attribute. A separator before anything else is taken
 * for a part of the PIN that should have been encoded.
 */
static const char *skip_pin(const char *text, const char *separators)
{
    while (*text != '\0') {
        if (strchr(separators, *text) != NULL && is_attribute_start(text + 1))
            break;
        text++;
    }
    return text;
}

char *card_uri_redact(const char *text, char *out, size_t cap)
{
    static const char name[] = "pin-value=";
    const char *query = strchr(text, '?');
    struct buf copy = {(uint8_t *)out, 0, cap > 0 ? cap - 1 : 0};

    while (*text != '\0' && copy.len < copy.cap) {
        if (strncasecmp(text, name, sizeof(name) - 1) != 0) {
            out[copy.len++] = *text++;
            continue;
        }
        for (const char *c = "pin-value=XXXX"; *c != '\0'; c++) {
            if (copy.len < copy.cap)
                out[copy.len++] = *c;
        }
        text = skip_pin(text + sizeof(name) - 1,
                        query != NULL && text > query ? "&;" : ";?");
    }
    if (cap > 0)
        out[copy.len] = '\0';
    return out;
}
