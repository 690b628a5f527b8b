/*
 * Settings of simulated ISO 7816-15 cards, and the PIN in its formats.
 */
#include "tests/sim/iso15_int.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "card/error.h"

enum { BARE_MIN = 4 };

static int write_pin(struct iso15_sim *c)
{
    struct sim_pin *pin = &c->pins.pin[ISO15_PIN];
    size_t len = strlen(c->pin_text);
    bool applet = c->kind == ISO15_ISOAPPLET;
    char hex[40] = "";
    struct buf out = BUF_ON(pin->value);
    int rc;

    memset(pin->value, applet ? 0x00 : 0xFF, sizeof(pin->value));
    if (applet || c->pin_format == PIN_ASCII || c->pin_format == PIN_BARE) {
        memcpy(pin->value, c->pin_text, len);
        pin->len = applet                      ? (size_t)APPLET_PIN_LEN
                   : c->pin_format == PIN_BARE ? len
                                               : 8;
        return 0;
    }
    snprintf(hex, sizeof(hex), "%s%.*s%sFFFFFFFFFFFFFFFF",
             c->pin_format == PIN_ISO9564 ? "2" : "",
             c->pin_format == PIN_ISO9564 ? 1 : 0,
             &"0123456789ABCDEF"[len], c->pin_text);
    hex[16] = '\0';
    rc = bytes_from_hex(hex, &out);
    pin->len = 8;
    return rc;
}

/*
 * ASCII, without padding: 8 characters, the applet's 16. Too short a one is as
 * none: nothing is like it.
 */
static void write_puk(struct iso15_sim *c)
{
    struct sim_pin *puk = &c->pins.pin[ISO15_PUK];
    const char *usual = c->kind == ISO15_ISOAPPLET ? "1234567890123456"
                                                   : "12345678";

    snprintf((char *)puk->value, sizeof(puk->value), "%s",
             c->puk_text[0] != '\0' ? c->puk_text : usual);
    puk->len = strlen(usual);
}

/* Other settings leave them as they were changed. */
int iso15_write_pins(struct iso15_sim *c, const char *setting)
{
    static const char *const names[] = {"pin", "puk", "pin-format", "kind",
                                        "version"};
    struct sim_pin *pin = &c->pins.pin[ISO15_PIN];
    bool is_one = false;

    for (size_t i = 0; i < nitems(names); i++)
        is_one = is_one || strcmp(setting, names[i]) == 0;
    if (!is_one)
        return 0;
    write_puk(c);
    pin->min = c->pin_format == PIN_BARE ? BARE_MIN : 0;
    return write_pin(c);
}

static int set_keys(struct iso15_sim *c, const char *names)
{
    int rc = 0;

    sim_keys_clear(&c->keys);
    while (rc == 0 && *names != '\0' && c->keys.count < SIM_MAX_KEYS) {
        char *name = c->names[c->keys.count];
        size_t len = strcspn(names, ",");

        if (len >= sizeof(c->names[0]))
            return CARD_E_ARGUMENT;
        memcpy(name, names, len);
        name[len] = '\0';
        names += len + (names[len] == ',' ? 1 : 0);
        rc = sim_keys_add(&c->keys, c->dir_name, name);
    }
    return rc;
}

static int set_small(struct iso15_sim *c, size_t len)
{
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < c->keys.count; i++)
        rc = sim_keys_small(&c->keys, i, len);
    return rc;
}

static bool set_named(const char *const *names, const char *value,
                      unsigned *out)
{
    for (unsigned i = 0; names[i] != NULL; i++)
        if (strcmp(names[i], value) == 0) {
            *out = i;
            return true;
        }
    return false;
}

/* IsoApplet 1.0 takes extended length and no chaining; 0.6 the contrary. */
static int set_kind(struct iso15_sim *c, unsigned kind)
{
    c->kind = (enum iso15_kind)kind;
    c->frame.extended = c->frame.no_chaining =
        c->kind == ISO15_ISOAPPLET && c->version > 0;
    return c->kind == ISO15_ISOAPPLET
               ? set_keys(c, "auth,sign,ec-auth,decrypt") : 0;
}

static bool set_choice(struct iso15_sim *c, const char *name,
                       const char *value)
{
    static const char *const certs[] = {"file", "inline", "shared", "none",
                                        NULL};
    static const char *const dirs[] = {"yes", "records", "aid", "short", "no",
                                       NULL};
    static const char *const algs[] = {"no", "yes", "sha1", "hash", NULL};
    static const char *const pins[] = {"ascii", "bcd", "iso9564", "bare",
                                       NULL};
    unsigned n;

    if (strcmp(name, "certs") == 0 && set_named(certs, value, &n))
        c->certs = (enum iso15_certs)n;
    else if (strcmp(name, "dir") == 0 && set_named(dirs, value, &n))
        c->dir = (enum iso15_dir)n;
    else if (strcmp(name, "algorithms") == 0 && set_named(algs, value, &n))
        c->algorithms = (enum iso15_algorithms)n;
    else if (strcmp(name, "pin-format") == 0 && set_named(pins, value, &n))
        c->pin_format = (enum iso15_pin)n;
    else
        return false;
    return true;
}

static bool set_flag(struct iso15_sim *c, const char *name, const char *value)
{
    const struct {
        const char *name;
        bool *flag;
    } flags[] = {
        {"keeps", &c->keeps},       {"query", &c->query},
        {"path", &c->by_path},      {"hidden", &c->hidden},
        {"local", &c->local},       {"loop", &c->loop},
        {"first-6c", &c->first_6c}, {"pss", &c->pss},
    };

    for (size_t i = 0; i < nitems(flags); i++)
        if (strcmp(name, flags[i].name) == 0) {
            *flags[i].flag = sim_is_yes(value);
            return true;
        }
    if (strcmp(name, "answer") == 0)
        c->no_answer = !sim_is_yes(value);
    else if (strcmp(name, "ecdsa") == 0)
        c->raw_ecdsa = strcmp(value, "raw") == 0;
    else
        return false;
    return true;
}

static bool set_text(struct iso15_sim *c, const char *name, const char *value)
{
    if (strcmp(name, "serial") == 0)
        snprintf(c->serial, sizeof(c->serial), "%s", value);
    else if (strcmp(name, "update") == 0)
        snprintf(c->update, sizeof(c->update), "%s", value);
    else if (strcmp(name, "gdo") == 0)
        snprintf(c->gdo, sizeof(c->gdo), "%s", value);
    else if (strcmp(name, "pin") == 0 && strlen(value) < sizeof(c->pin_text))
        snprintf(c->pin_text, sizeof(c->pin_text), "%s", value);
    else if (strcmp(name, "puk") == 0 && strlen(value) < sizeof(c->puk_text))
        snprintf(c->puk_text, sizeof(c->puk_text), "%s", value);
    else
        return false;
    return true;
}

static int set_number(struct iso15_sim *c, const char *name,
                      const char *value)
{
    static const char *const kinds[] = {"plain", "isoapplet", "myeid", NULL};
    size_t n = (size_t)strtoul(value, NULL, 10);
    unsigned kind;

    if (strcmp(name, "kind") == 0 && set_named(kinds, value, &kind))
        return set_kind(c, kind);
    if (strcmp(name, "small") == 0)
        return set_small(c, n);
    if (strcmp(name, "many") == 0)
        c->many = n;
    else if (strcmp(name, "big") == 0)
        c->big = n;
    else if (strcmp(name, "version") == 0) {
        c->version = (unsigned)n;
        c->pss = n > 0;
        return set_kind(c, (unsigned)c->kind);
    } else {
        return card_fail(CARD_E_ARGUMENT, "iso15: no setting %s=%s", name,
                         value);
    }
    return 0;
}

int iso15_set_one(struct iso15_sim *c, const char *name, const char *value)
{
    if (sim_frame_set(&c->frame, name, value) ||
        sim_keys_set(&c->keys, name, value) ||
        sim_pins_set(&c->pins, name, value) || set_choice(c, name, value) ||
        set_flag(c, name, value) || set_text(c, name, value))
        return 0;
    return strcmp(name, "keys") == 0 ? set_keys(c, value)
                                     : set_number(c, name, value);
}
