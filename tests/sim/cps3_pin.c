/*
 * PIN and PUK of the simulated CPS3: counters that outlive the program, the
 * three commands that spend them (fact sheets cps3 4, ias-ecc 7).
 */
#include "tests/sim/cps3_int.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "card/error.h"

enum {
    PIN_TRIES = 3,
    PUK_TRIES = 10,
    PUK_USES = 100,
    PIN_MIN = 4,
    PIN_24 = 24,
    STATE_PATH_MAX = 512
};

static const uint8_t max_tries[2] = {PIN_TRIES, PUK_TRIES};

/* Digits, FF behind them; a PIN the card can hold has PIN_MIN digits or more */
static bool block_is_sound(const uint8_t block[CPS3_PIN_BLOCK])
{
    size_t digits = 0;

    while (digits < CPS3_PIN_BLOCK && block[digits] >= '0'
           && block[digits] <= '9')
        digits++;
    for (size_t i = digits; i < CPS3_PIN_BLOCK; i++)
        if (block[i] != 0xFF)
            return false;
    return digits >= PIN_MIN;
}

static int secret_init(struct cps3_secret *s, const char *digits, uint8_t tries)
{
    size_t len = strlen(digits);

    memset(s->block, 0xFF, sizeof(s->block));
    if (len <= sizeof(s->block))
        memcpy(s->block, digits, len);
    if (len > sizeof(s->block) || !block_is_sound(s->block))
        return card_fail(CARD_E_CONFIG, "cps3: PIN or PUK not 4 to 8 digits");
    s->tries = tries;
    return 0;
}

static bool secret_read(FILE *file, const char *name, struct cps3_secret *s)
{
    char word[8], hex[2 * CPS3_PIN_BLOCK + 1];
    unsigned tries;
    struct buf b = BUF_ON(s->block);

    if (fscanf(file, "%7s %16s %3u", word, hex, &tries) != 3
        || strcmp(word, name) != 0 || tries > UINT8_MAX
        || bytes_from_hex(hex, &b) < 0)
        return false;
    s->tries = (uint8_t)tries;
    return b.len == sizeof(s->block);
}

static int store_read(struct cps3_store *store, FILE *file, const char *path)
{
    unsigned uses;

    if (!secret_read(file, "pin", &store->secret[CPS3_PIN])
        || !secret_read(file, "puk", &store->secret[CPS3_PUK])
        || fscanf(file, " usage %3u", &uses) != 1 || uses > UINT8_MAX)
        return card_fail(CARD_E_CONFIG, "cps3: state %s is malformed", path);
    store->puk_usage = (uint8_t)uses;
    return 0;
}

static bool set_counter(const char *value, uint8_t *out)
{
    char *end;
    unsigned long n = strtoul(value, &end, 10);

    if (*value == '\0' || *end != '\0' || n > PUK_USES)
        return false;
    *out = (uint8_t)n;
    return true;
}

static uint8_t *find_counter(struct cps3 *c, const char *name)
{
    struct cps3_store *s = &c->store;

    return strcmp(name, "tries") == 0       ? &s->secret[CPS3_PIN].tries
           : strcmp(name, "puk-tries") == 0 ? &s->secret[CPS3_PUK].tries
           : strcmp(name, "puk-uses") == 0  ? &s->puk_usage
                                            : NULL;
}

bool cps3_store_set(struct cps3 *c, const char *name, const char *value)
{
    uint8_t *counter = find_counter(c, name);

    return counter != NULL && set_counter(value, counter) &&
           cps3_store_save(c) == 0;
}

/* What a new card is told of its counters. */
static int set_counters(struct cps3 *c)
{
    const struct cps3_options *o = &c->options;
    struct cps3_store *s = &c->store;

    if ((o->tries != NULL &&
         !set_counter(o->tries, &s->secret[CPS3_PIN].tries)) ||
        (o->puk_tries != NULL &&
         !set_counter(o->puk_tries, &s->secret[CPS3_PUK].tries)) ||
        (o->puk_uses != NULL && !set_counter(o->puk_uses, &s->puk_usage)))
        return card_fail(CARD_E_CONFIG, "cps3: a counter is no number");
    return 0;
}

int cps3_store_load(struct cps3 *c)
{
    const struct cps3_options *o = &c->options;
    FILE *file = NULL;
    int rc;

    if (o->state != NULL && (file = fopen(o->state, "r")) != NULL) {
        rc = store_read(&c->store, file, o->state);
        fclose(file);
        return rc;
    }
    rc = secret_init(&c->store.secret[CPS3_PIN],
                     o->pin != NULL ? o->pin : "1234", PIN_TRIES);
    if (rc == 0)
        rc = secret_init(&c->store.secret[CPS3_PUK],
                         o->puk != NULL ? o->puk : "12345678", PUK_TRIES);
    c->store.puk_usage = PUK_USES;
    if (rc < 0 || (rc = set_counters(c)) < 0)
        return rc;
    return cps3_store_save(c);
}

static int store_write(const struct cps3_store *store, const char *path)
{
    char pin[2 * CPS3_PIN_BLOCK + 1], puk[2 * CPS3_PIN_BLOCK + 1];
    FILE *file = fopen(path, "w");
    int n;

    if (file == NULL)
        return -1;
    bytes_to_hex(BYTES_OF(store->secret[CPS3_PIN].block), pin, sizeof(pin));
    bytes_to_hex(BYTES_OF(store->secret[CPS3_PUK].block), puk, sizeof(puk));
    n = fprintf(file, "pin %s %u\npuk %s %u\nusage %u\n", pin,
                store->secret[CPS3_PIN].tries, puk,
                store->secret[CPS3_PUK].tries, store->puk_usage);
    return fclose(file) != 0 || n < 0 ? -1 : 0;
}

/* Whole or not at all, whenever the program is killed. */
int cps3_store_save(const struct cps3 *c)
{
    const char *path = c->options.state;
    char temporary[STATE_PATH_MAX];
    int n;

    if (path == NULL)
        return 0;
    n = snprintf(temporary, sizeof(temporary), "%s.new", path);
    if (n < 0 || (size_t)n >= sizeof(temporary)
        || store_write(&c->store, temporary) < 0
        || rename(temporary, path) < 0)
        return card_fail(CARD_E_CONFIG, "cps3: cannot write state %s: %s", path,
                         strerror(errno));
    return 0;
}

static bool is_blocked(const struct cps3 *c, unsigned which)
{
    return c->store.secret[which].tries == 0
           || (which == CPS3_PUK && c->store.puk_usage == 0);
}

/*
 * Compare literally with the stored block. The try is taken, and written to
 * the state file, before the comparison: pulling the card cannot save it.
 */
static unsigned present(struct cps3 *c, unsigned which,
                        const uint8_t block[CPS3_PIN_BLOCK])
{
    struct cps3_secret *s = &c->store.secret[which];

    if (is_blocked(c, which))
        return SW_BLOCKED;
    c->verified[which] = false;
    s->tries--;
    if (cps3_store_save(c) < 0)
        return SW_MEMORY;
    if (memcmp(block, s->block, sizeof(s->block)) != 0)
        return SW_TRIES | s->tries;
    s->tries = max_tries[which];
    if (which == CPS3_PUK)
        c->store.puk_usage--;
    if (cps3_store_save(c) < 0)
        return SW_MEMORY;
    c->verified[which] = true;
    return SW_OK;
}

/* A local PIN is there in its DF only. */
static bool which_secret(const struct cps3 *c, uint8_t reference,
                         unsigned *which)
{
    uint8_t pin = c->maker->local_pin ? 0x81 : 0x01;

    *which = reference == pin ? CPS3_PIN : CPS3_PUK;
    if (c->maker->contactless || (c->maker->local_pin && c->where != CPS3_DF))
        return false;
    return reference == pin || reference == 0x02;
}

/* Take a PIN of 24 bytes, filled with 00, as the block this file knows. */
static bool take_long(struct bytes *body, uint8_t block[CPS3_PIN_BLOCK])
{
    struct bytes value;
    size_t digits = 0;

    if (!bytes_take(body, PIN_24, &value))
        return false;
    memset(block, 0xFF, CPS3_PIN_BLOCK);
    for (; digits < CPS3_PIN_BLOCK && value.data[digits] != 0; digits++)
        block[digits] = value.data[digits];
    for (size_t i = digits; i < value.len; i++)
        if (value.data[i] != 0)
            return false;
    return true;
}

static bool take_block(const struct cps3 *c, struct bytes *body,
                       uint8_t block[CPS3_PIN_BLOCK])
{
    struct bytes value;

    if (c->maker->pin_24)
        return take_long(body, block);
    if (!bytes_take(body, CPS3_PIN_BLOCK, &value))
        return false;
    memcpy(block, value.data, CPS3_PIN_BLOCK);
    return true;
}

unsigned cps3_verify(struct cps3 *c, const struct cps3_command *cmd,
                     struct buf *out)
{
    struct bytes body = cmd->body;
    uint8_t block[CPS3_PIN_BLOCK];
    unsigned which;

    (void)out;
    if (cmd->p1 != 0x00)
        return SW_P1P2;
    if (!which_secret(c, cmd->p2, &which))
        return SW_NO_REFERENCE;
    if (body.len == 0 && c->verified[which])
        return SW_OK;
    if (is_blocked(c, which))
        return SW_BLOCKED;
    if (body.len == 0)
        return SW_TRIES | c->store.secret[which].tries;
    return take_block(c, &body, block) && body.len == 0
               ? present(c, which, block) : (unsigned)SW_LENGTH;
}

/* What a real card checks of a new PIN is unknown; this much it must. */
static unsigned set_pin(struct cps3 *c, struct bytes body)
{
    struct cps3_secret *s = &c->store.secret[CPS3_PIN], before = *s;
    uint8_t block[CPS3_PIN_BLOCK];

    if (!take_block(c, &body, block) || body.len != 0)
        return SW_LENGTH;
    if (!block_is_sound(block))
        return SW_DATA;
    memcpy(s->block, block, sizeof(s->block));
    s->tries = PIN_TRIES;
    if (cps3_store_save(c) == 0)
        return SW_OK;
    *s = before;
    return SW_MEMORY;
}

/* The old PIN or the PUK, and behind it the new PIN. */
static unsigned replace(struct cps3 *c, unsigned by, struct bytes body)
{
    uint8_t old[CPS3_PIN_BLOCK], fresh[CPS3_PIN_BLOCK];
    struct bytes rest;
    unsigned sw;

    if (is_blocked(c, by))
        return SW_BLOCKED;
    if (!take_block(c, &body, old))
        return SW_LENGTH;
    rest = body;
    if (!take_block(c, &rest, fresh) || rest.len != 0)
        return SW_LENGTH;
    if (!block_is_sound(fresh))
        return SW_DATA;
    sw = present(c, by, old);
    return sw == SW_OK ? set_pin(c, body) : sw;
}

/* P1 00: old || new; 01: new, the old one was verified before. */
unsigned cps3_change(struct cps3 *c, const struct cps3_command *cmd,
                     struct buf *out)
{
    unsigned which;

    (void)out;
    if (!which_secret(c, cmd->p2, &which))
        return SW_NO_REFERENCE;
    if (which == CPS3_PUK)
        return SW_SECURITY; /* its ACL says never */
    if (cmd->p1 == 0x01)
        return c->verified[CPS3_PIN] ? set_pin(c, cmd->body) : SW_SECURITY;
    return cmd->p1 == 0x00 ? replace(c, CPS3_PIN, cmd->body)
                           : (unsigned)SW_P1P2;
}

/*
 * P1 00: PUK || new PIN, of cards without SDO (and, here, of a CPS3); 02: new
 * PIN, the PUK was verified before, as the ACL in the SDO of others wants it.
 */
unsigned cps3_reset_retry(struct cps3 *c, const struct cps3_command *cmd,
                          struct buf *out)
{
    unsigned which;

    (void)out;
    if (!which_secret(c, cmd->p2, &which) || which == CPS3_PUK)
        return SW_NO_REFERENCE;
    if (cmd->p1 == 0x02 && !c->options.no_sdo)
        return c->verified[CPS3_PUK] ? set_pin(c, cmd->body) : SW_SECURITY;
    if (cmd->p1 != 0x00)
        return SW_P1P2;
    if (!c->options.no_sdo && !c->maker->cps)
        return SW_SECURITY;
    return replace(c, CPS3_PUK, cmd->body);
}
