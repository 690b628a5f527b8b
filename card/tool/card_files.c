/*
 * The files that stand for what is on a card. Names are made of what the card
 * says, which may be anything.
 */
#include "card/tool/card_files.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "card/tool/object_pem.h"

enum { SERIAL_KEPT = 40, HASH_KEPT = 8 };

/* ---- names --------------------------------------------------------------- */

void card_files_stem_of(const char *serial, char out[CARD_STEM_MAX])
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyz"
                                "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
    char hash[REGISTRY_HASH_MAX];
    bool same = serial[0] != '\0';
    size_t len = 0;

    for (const char *c = serial; *c != '\0'; c++) {
        bool keep = strchr(plain, *c) != NULL;

        same = same && keep && len < SERIAL_KEPT;
        if (len < SERIAL_KEPT)
            out[len++] = (char)(keep ? *c : '_');
    }
    out[len] = '\0';
    if (same)
        return;
    registry_hash(bytes_of_string(serial), hash);
    snprintf(out + len, CARD_STEM_MAX - len, "_%.*s", HASH_KEPT, hash);
}

void card_files_stem(const struct card_set *set, const struct card *c,
                     char out[CARD_STEM_MAX])
{
    struct card_identity id;
    size_t len;

    card_identify(c, &id);
    card_files_stem_of(id.serial[0] != '\0' ? id.serial : id.driver, out);
    len = strlen(out);
    if (set->count > 1)
        snprintf(out + len, CARD_STEM_MAX - len, "_%s", id.driver);
}

void card_files_authorities(const char *stem, char out[REGISTRY_NAME_MAX])
{
    snprintf(out, REGISTRY_NAME_MAX, "%s-ca.pem", stem);
}

static bool is_taken(const struct card_files *f, const char *name)
{
    for (size_t i = 0; i < f->count; i++) {
        const struct card_files_entry *entry = &f->entries[i];
        size_t len = strlen(name);

        if ((strncmp(entry->certificate, name, len) == 0 &&
             strcmp(entry->certificate + len, ".pem") == 0) ||
            (strncmp(entry->key, name, len) == 0 &&
             strcmp(entry->key + len, ".key.pem") == 0))
            return true;
    }
    return false;
}

/* "STEM-auth", or "STEM-auth-2" of the second one. */
static void name_entry(const struct card_files *f, const char *stem,
                       const char *kind, char *out, size_t cap)
{
    snprintf(out, cap, "%s-%s", stem, kind);
    for (int number = 2; is_taken(f, out); number++)
        snprintf(out, cap, "%s-%s-%d", stem, kind, number);
}

/* ---- content ------------------------------------------------------------- */

static bool add_cert(struct card_files *f, struct card_files_entry *entry,
                     const char *name, struct bytes der,
                     const struct authorities *authorities)
{
    struct cert_text text;
    BIO *out;

    snprintf(entry->certificate, sizeof(entry->certificate), "%s.pem", name);
    if (cert_describe(der, &text))
        snprintf(entry->holder, sizeof(entry->holder), "%s", text.holder);
    f->certificates++;
    return (out = registry_file(&f->files, entry->certificate)) != NULL &&
           object_put_cert(out, der) &&
           authorities_put_chain(authorities, der, out);
}

static bool add_key(struct card_files *f, const struct card *c,
                    const char *stem, size_t i,
                    const struct authorities *authorities)
{
    struct card_files_entry *entry = &f->entries[f->count];
    char name[REGISTRY_NAME_MAX - 16];
    struct bytes der;
    size_t cert;
    BIO *out;

    entry->usage = object_usage(card_key_at(c, i)->uses);
    name_entry(f, stem, entry->usage[0] != '\0' ? entry->usage : "key", name,
               sizeof(name));
    f->count++;
    if (card_cert_of_key(c, i, &cert)) {
        card_cert_at(c, cert, &der);
        if (!add_cert(f, entry, name, der, authorities))
            return false;
    }
    entry->index = i;
    snprintf(entry->key, sizeof(entry->key), "%s.key.pem", name);
    return (out = registry_file(&f->files, entry->key)) != NULL &&
           object_put_key(out, c, i);
}

static bool is_of_key(const struct card *c, size_t cert)
{
    size_t its;

    for (size_t i = 0; card_key_at(c, i) != NULL; i++)
        if (card_cert_of_key(c, i, &its) && its == cert)
            return true;
    return false;
}

/* A holder's of no key; authorities stand in the chains. */
static bool add_other(struct card_files *f, const struct card *c,
                      const char *stem, size_t i,
                      const struct authorities *authorities)
{
    struct card_files_entry *entry = &f->entries[f->count];
    char name[REGISTRY_NAME_MAX - 16];
    struct cert_text text;
    struct bytes der;

    card_cert_at(c, i, &der);
    if (is_of_key(c, i) || !cert_describe(der, &text) || text.authority)
        return true;
    entry->usage = "";
    name_entry(f, stem, "cert", name, sizeof(name));
    f->count++;
    return add_cert(f, entry, name, der, authorities);
}

static bool add_all(struct card_files *f, const struct card *c,
                    const char *stem, const struct authorities *authorities)
{
    struct bytes der;

    for (size_t i = 0; card_key_at(c, i) != NULL; i++)
        if (!add_key(f, c, stem, i, authorities))
            return false;
    for (size_t i = 0; card_cert_at(c, i, &der) != NULL; i++)
        if (!add_other(f, c, stem, i, authorities))
            return false;
    return true;
}

struct card_files *card_files_new(struct tool *t, const struct card *c,
                                  const char *stem,
                                  const struct authorities *authorities)
{
    struct card_files *f = calloc(1, sizeof(*f));

    if (f != NULL && add_all(f, c, stem, authorities))
        return f;
    tool_error(t, _("the card has more than can be registered, or memory is "
                    "short"));
    card_files_free(f);
    return NULL;
}

void card_files_free(struct card_files *f)
{
    if (f == NULL)
        return;
    registry_files_free(&f->files);
    free(f);
}
