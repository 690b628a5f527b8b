/*
 * tessera chain --install.
 */
#include "card/tool/chain.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/pem.h>

#include "card/tool/card_files.h"

struct install {
    struct tool *t;
    const struct card *card;
    const struct authorities *sound;
    struct registry *registry;
    char stem[CARD_STEM_MAX];
};

static bool put_all(const struct install *in, BIO *out)
{
    bool ok = out != NULL;

    for (int i = 0; ok && i < sk_X509_num(in->sound->certs); i++)
        ok = PEM_write_bio_X509(out, sk_X509_value(in->sound->certs, i)) == 1;
    return ok;
}

/* update-ca-certificates wants one in each file. */
static bool add_trusted(const struct install *in, struct registry_files *files)
{
    char name[REGISTRY_NAME_MAX];
    BIO *out;

    for (int i = 0; i < sk_X509_num(in->sound->certs); i++) {
        snprintf(name, sizeof(name), "tessera-%s-%d.crt", in->stem, i + 1);
        if ((out = registry_file(files, name)) == NULL ||
            PEM_write_bio_X509(out, sk_X509_value(in->sound->certs, i)) != 1)
            return false;
    }
    return true;
}

/* Something else of the card than its authorities is registered. */
static bool is_activated(const struct install *in)
{
    static const char end[] = ".key.pem";

    for (size_t i = 0; i < in->registry->count; i++) {
        const char *name = in->registry->entries[i].name;
        size_t len = strlen(name);

        if (registry_of_card(name, in->stem) && len > sizeof(end) &&
            strcmp(name + len - (sizeof(end) - 1), end) == 0)
            return true;
    }
    return false;
}

/* The card's files with their chains; or none, if it is not activated. */
static struct card_files *start(const struct install *in)
{
    struct authorities all;
    struct card_files *f = NULL;

    if (!is_activated(in))
        return calloc(1, sizeof(*f));
    if (authorities_init(&all)) {
        authorities_add_card(&all, in->card);
        X509_add_certs(all.certs, in->sound->certs, X509_ADD_FLAG_UP_REF);
        f = card_files_new(in->t, in->card, in->stem, &all);
    }
    authorities_clear(&all);
    return f;
}

static void put_result(const struct install *in, const char *name)
{
    char path[4096 + REGISTRY_NAME_MAX];

    snprintf(path, sizeof(path), "%s/%s", in->registry->path, name);
    out_field(in->t->out, "installed", _("Installed"), path);
    if (in->registry->system)
        out_line(in->t->out, _("They are in %s as well; what makes this "
                               "machine trust them is: update-ca-certificates"),
                 REGISTRY_TRUST);
}

static int install(const struct install *in)
{
    char name[REGISTRY_NAME_MAX];
    struct card_files *f = start(in);
    bool changed;
    int status = TOOL_FAILED;

    card_files_authorities(in->stem, name);
    if (f == NULL || !put_all(in, registry_file(&f->files, name)) ||
        (in->registry->system && !add_trusted(in, &f->files)))
        tool_error(in->t, _("the certificates are too many, or memory is "
                            "short"));
    else if ((status = registry_put(in->registry, &f->files, &changed)) ==
             TOOL_DONE)
        put_result(in, name);
    card_files_free(f);
    return status;
}

int chain_install(struct tool *t, const struct card_set *set,
                  const struct card *c, const struct authorities *sound,
                  bool system)
{
    struct install in = {.t = t, .card = c, .sound = sound};
    int status;

    if (sk_X509_num(sound->certs) == 0) {
        tool_say(t, _("Nothing is installed: no chain leads to a root that was "
                      "given"));
        return TOOL_FINDINGS;
    }
    card_files_stem(set, c, in.stem);
    if ((in.registry = registry_open(t, system, true, &status)) == NULL)
        return status;
    status = install(&in);
    registry_close(in.registry);
    return status;
}
