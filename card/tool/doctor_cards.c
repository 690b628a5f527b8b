/*
 * Readers, and the cards in them: does somebody know them, and who keeps them?
 */
#include "card/tool/doctor.h"

#include <ctype.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "card/tool/pin.h"

enum { CARD_PATIENCE_MS = 1000 };

static bool is_running(const char *program)
{
    DIR *processes = opendir("/proc");
    struct dirent *entry;
    bool found = false;
    char path[300], name[64];
    FILE *file;

    while (processes != NULL && !found &&
           (entry = readdir(processes)) != NULL) {
        if (!isdigit((unsigned char)entry->d_name[0]))
            continue;
        snprintf(path, sizeof(path), "/proc/%s/comm", entry->d_name);
        if ((file = fopen(path, "re")) == NULL)
            continue;
        if (fgets(name, sizeof(name), file) != NULL) {
            name[strcspn(name, "\n")] = '\0';
            found = strcmp(name, program) == 0;
        }
        fclose(file);
    }
    if (processes != NULL)
        closedir(processes);
    return found;
}

static const char *gpg_remedy(void)
{
    return _("GnuPG's scdaemon runs and may be it. Let it go: gpgconf --kill "
             "scdaemon; and let it share: the lines disable-ccid and "
             "pcsc-shared in ~/.gnupg/scdaemon.conf");
}

/* ---- a card -------------------------------------------------------------- */

static void tell_card(struct doctor *d, const char *reader,
                      const struct card_set *set)
{
    struct card_identity id;

    for (size_t i = 0; i < set->count; i++) {
        card_identify(set->cards[i], &id);
        if (card_key_at(set->cards[i], 0) != NULL)
            doctor_ok(d, "card", _("%s in %s (driver %s)"), id.title, reader,
                      id.driver);
        else if (set->count == 1)
            doctor_finding(d, "card",
                           _("ask its issuer whether it is personalised"),
                           _("%s in %s has no key that can be used"),
                           id.title, reader);
    }
}

static void check_pin(struct doctor *d, const struct card *c, size_t i)
{
    const struct card_pin_info *pin = card_pin_at(c, i);
    struct card_identity id;
    size_t puk;

    card_identify(c, &id);
    if (pin->tries_left == 0)
        doctor_finding(d, "pin_blocked",
                       card_puk_of_pin(c, i, &puk)
                           ? _("tessera pin unblock: it asks for the PUK, "
                               "which came with the card")
                           : _("ask whoever issued the card"),
                       _("the PIN of %s is blocked (%s)"), id.title,
                       pin_name(pin));
    else if (pin->tries_left == 1 && pin->tries_max != 1)
        doctor_finding(d, "pin_last_try",
                       _("tessera pin verify --last-try: the right PIN gives "
                         "it all its tries again"),
                       _("one try of the PIN of %s is left (%s)"), id.title,
                       pin_name(pin));
}

static void check_pins(struct doctor *d, const struct card *c)
{
    const struct card_pin_info *pin;

    for (size_t i = 0; (pin = card_pin_at(c, i)) != NULL; i++)
        if (!pin->unblocking && !pin->alias)
            check_pin(d, c, i);
}

static void tell_failure(struct doctor *d, const struct reader_state *r, int rc)
{
    char atr[2 * READER_ATR_MAX + 1];
    const char *remedy = _(card_error_name(rc)->remedy);

    bytes_to_hex(bytes_from(r->atr, r->atr_len), atr, sizeof(atr));
    if (rc == CARD_E_NOT_MINE)
        doctor_finding(d, "card",
                       _("use it through its PKCS#11 module (pkcs11-module-path"
                         " in openssl.cnf), or report its model and this ATR"),
                       _("the card in %s is of no kind that tessera knows; its "
                         "ATR is %s"), r->name, atr);
    else if (rc == CARD_E_BUSY)
        doctor_finding(d, "card_held",
                       is_running("scdaemon") ? gpg_remedy() : remedy,
                       _("another program keeps the card in %s for itself"),
                       r->name);
    else
        doctor_finding(d, "card", remedy, _("the card in %s (ATR %s): %s"),
                       r->name, atr, card_error_sentence());
}

static void check_card(struct doctor *d, struct card_context *ctx,
                       const struct reader_state *r)
{
    struct card_set set;
    int rc = card_open_all(ctx, r->name, CARD_PATIENCE_MS,
                           CARD_READ_OBJECTS | CARD_READ_PINS, &set);

    if (rc < 0) {
        tell_failure(d, r, rc);
        return;
    }
    tell_card(d, r->name, &set);
    for (size_t i = 0; i < set.count; i++)
        check_pins(d, set.cards[i]);
    card_set_free(&set);
}

/* ---- readers ------------------------------------------------------------- */

static void check_reader(struct doctor *d, struct card_context *ctx,
                         const struct reader_state *r, size_t *cards)
{
    *cards += r->presence == READER_PRESENT || r->presence == READER_MUTE;
    if (r->presence == READER_PRESENT)
        check_card(d, ctx, r);
    else if (r->presence == READER_MUTE)
        doctor_finding(d, "card",
                       _("put it in again, the chip first and the right way "
                         "round; clean its contacts"),
                       _("the card in %s does not answer"), r->name);
}

static void check_readers(struct doctor *d, struct card_context *ctx,
                          const struct reader_states *readers)
{
    size_t cards = 0;

    if (readers->count == 0) {
        doctor_finding(d, "reader",
                       is_running("scdaemon")
                           ? gpg_remedy()
                           : _("plug it in; if it is, install its driver "
                               "(libccid), or try another USB port"),
                       _("no reader is connected"));
        return;
    }
    doctor_ok(d, "reader", _("readers: %zu, the first is %s"), readers->count,
              readers->readers[0].name);
    for (size_t i = 0; i < readers->count; i++)
        check_reader(d, ctx, &readers->readers[i], &cards);
    if (cards == 0)
        doctor_finding(d, "card", _("put the card in, the chip first"),
                       _("no card is in a reader"));
}

/* Without a service there is nothing to say: that was. */
void doctor_cards(struct doctor *d)
{
    struct reader_states *readers = calloc(1, sizeof(*readers));
    struct card_context *ctx;

    if (readers != NULL && tool_context(d->t, &ctx) == 0 &&
        card_readers(ctx, readers, 0) == 0)
        check_readers(d, ctx, readers);
    free(readers);
}
