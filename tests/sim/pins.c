/*
 * PINs of simulated cards: counters that outlive the program.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "card/error.h"
#include "tests/sim/frame.h"

enum { TRIES_MOST = 15 };

static const char unset[] = "-";

/*
 * "HEX tries max" a line, "-" for a PIN that has no value; the number of PINs
 * is the family's.
 */
static bool read_pin(FILE *file, struct sim_pin *pin)
{
    char hex[2 * SIM_PIN_MAX + 1];
    struct buf value = BUF_ON(pin->value);

    if (fscanf(file, "%64s %3u %3u", hex, &pin->tries, &pin->max) != 3)
        return false;
    if (strcmp(hex, unset) != 0 && bytes_from_hex(hex, &value) < 0)
        return false;
    pin->len = value.len;
    return true;
}

static int load(struct sim_pins *p, FILE *file)
{
    for (size_t i = 0; i < p->count; i++)
        if (!read_pin(file, &p->pin[i]))
            return card_fail(CARD_E_CONFIG, "state %s is malformed", p->path);
    return 0;
}

int sim_pins_load(struct sim_pins *p, const char *state)
{
    FILE *file;
    int rc;

    if (state == NULL)
        return 0;
    if ((size_t)snprintf(p->path, sizeof(p->path), "%s", state) >=
        sizeof(p->path))
        return card_fail(CARD_E_CONFIG, "state: too long a path");
    if ((file = fopen(p->path, "r")) == NULL)
        return sim_pins_save(p);
    rc = load(p, file);
    fclose(file);
    return rc;
}

static bool write_pins(const struct sim_pins *p, FILE *file)
{
    char hex[2 * SIM_PIN_MAX + 1];
    bool ok = true;

    for (size_t i = 0; ok && i < p->count; i++) {
        const struct sim_pin *pin = &p->pin[i];

        bytes_to_hex(bytes_from(pin->value, pin->len), hex, sizeof(hex));
        ok = fprintf(file, "%s %u %u\n", pin->len > 0 ? hex : unset,
                     pin->tries, pin->max) > 0;
    }
    return ok;
}

int sim_pins_save(const struct sim_pins *p)
{
    char fresh[sizeof(p->path) + 4];
    FILE *file;
    bool ok;

    if (p->path[0] == '\0')
        return 0;
    snprintf(fresh, sizeof(fresh), "%s.new", p->path);
    if ((file = fopen(fresh, "w")) == NULL)
        return card_fail(CARD_E_CONFIG, "state %s: %s", fresh,
                         strerror(errno));
    ok = write_pins(p, file);
    if (fclose(file) != 0 || !ok || rename(fresh, p->path) < 0)
        return card_fail(CARD_E_CONFIG, "state %s: %s", p->path,
                         strerror(errno));
    return 0;
}

static unsigned tries_word(const struct sim_pin *pin)
{
    return pin->tries == 0 ? SIM_SW_BLOCKED : SIM_SW_TRIES | pin->tries;
}

unsigned sim_pin_verify(struct sim_pins *p, size_t index, struct bytes value)
{
    struct sim_pin *pin = &p->pin[index];

    pin->verified = false;
    if (pin->tries == 0)
        return SIM_SW_BLOCKED;
    pin->tries--;
    if (sim_pins_save(p) < 0)
        return SIM_SW_MEMORY;
    if (!bytes_equal(value, bytes_from(pin->value, pin->len)))
        return tries_word(pin);
    pin->tries = pin->max;
    if (sim_pins_save(p) < 0)
        return SIM_SW_MEMORY;
    pin->verified = true;
    return SIM_SW_OK;
}

unsigned sim_pin_query(const struct sim_pins *p, size_t index)
{
    const struct sim_pin *pin = &p->pin[index];

    return pin->verified ? (unsigned)SIM_SW_OK : tries_word(pin);
}

static bool fits(const struct sim_pin *pin, size_t len)
{
    if (pin->min == 0)
        return len == pin->len;
    return len >= pin->min && len <= SIM_PIN_MAX;
}

unsigned sim_pin_renew(struct sim_pins *p, size_t index, struct bytes fresh)
{
    struct sim_pin *pin = &p->pin[index], before = *pin;

    if (!fits(pin, fresh.len))
        return SIM_SW_LENGTH;
    memcpy(pin->value, fresh.data, fresh.len);
    pin->len = fresh.len;
    pin->tries = pin->max;
    if (sim_pins_save(p) == 0)
        return SIM_SW_OK;
    *pin = before;
    return SIM_SW_MEMORY;
}

/* A PUK is presented for this one command: it stays verified no longer. */
unsigned sim_pin_replace(struct sim_pins *p, size_t index, size_t by,
                         struct bytes body)
{
    struct bytes old;
    unsigned sw;

    if (!bytes_take(&body, p->pin[by].len, &old) ||
        !fits(&p->pin[index], body.len))
        return SIM_SW_LENGTH;
    if ((sw = sim_pin_verify(p, by, old)) != SIM_SW_OK)
        return sw;
    if (by != index)
        p->pin[by].verified = false;
    return sim_pin_renew(p, index, body);
}

bool sim_pins_set(struct sim_pins *p, const char *name, const char *value)
{
    bool puk = strcmp(name, "puk-tries") == 0;
    struct sim_pin *pin = &p->pin[puk ? 1 : 0];
    char *end;
    unsigned long n = strtoul(value, &end, 10);

    if ((!puk && strcmp(name, "tries") != 0) || *value == '\0' ||
        *end != '\0' || n > TRIES_MOST)
        return false;
    pin->tries = (unsigned)n;
    if (n > 0)
        pin->max = (unsigned)n;
    return sim_pins_save(p) == 0;
}

void sim_pins_power(struct sim_pins *p)
{
    for (size_t i = 0; i < p->count; i++)
        p->pin[i].verified = false;
}
