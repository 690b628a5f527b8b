/*
 * tessera chain: which authorities' certificates a card needs, what is wrong
 * with those that were given, and keeping those that are right.
 */
#include "card/tool/tool.h"

#include <stdio.h>
#include <string.h>

#include "card/tool/chain.h"
#include "card/tool/object_pem.h"

struct chain {
    struct tool *t;
    const char *files[TOOL_MANY], *crls[TOOL_MANY];
    bool install, system;
    struct authorities given, on_card;
    struct authorities sound; /* those to install, each once */
    size_t checked, complete;
};

/* ---- what is said -------------------------------------------------------- */

static const char *const kinds[] = {
    [VERIFY_MISSING] = "missing",
    [VERIFY_UNTRUSTED] = "not trusted",
    [VERIFY_EXPIRED] = "expired",
    [VERIFY_NOT_YET] = "not yet valid",
    [VERIFY_REVOKED] = "revoked",
    [VERIFY_CRL_EXPIRED] = "CRL expired",
    [VERIFY_CRL_NOT_YET] = "CRL not yet valid",
    [VERIFY_CRL_WRONG] = "CRL not authentic",
    [VERIFY_OTHER] = "other",
};

/* Of the card's own certificate: the holder's name stands above. */
static void put_own(struct out *out, const struct verify_finding *f)
{
    switch (f->kind) {
    case VERIFY_EXPIRED:
        out_line(out, _("it expired on %s"), f->date);
        break;
    case VERIFY_NOT_YET:
        out_line(out, _("it is not valid before %s"), f->date);
        break;
    case VERIFY_REVOKED:
        out_line(out, _("it is revoked: ask its issuer for a new card"));
        break;
    case VERIFY_UNTRUSTED:
        out_line(out, _("nobody vouches for it: it is self-signed"));
        break;
    default:
        out_line(out, _("it is not right: %s"), f->words);
    }
}

static void put_authority(struct out *out, const struct verify_finding *f)
{
    switch (f->kind) {
    case VERIFY_EXPIRED:
        out_line(out, _("the authority \"%s\" expired on %s: find its newer "
                        "certificate"), f->name, f->date);
        break;
    case VERIFY_NOT_YET:
        out_line(out, _("the authority \"%s\" is not valid before %s"), f->name,
                 f->date);
        break;
    case VERIFY_REVOKED:
        out_line(out, _("the authority \"%s\" is revoked"), f->name);
        break;
    case VERIFY_UNTRUSTED:
        out_line(out, _("the root \"%s\" is none of those given: give it with "
                        "--ca if you trust it"), f->name);
        break;
    default:
        out_line(out, _("the authority \"%s\" is not right: %s"), f->name,
                 f->words);
    }
}

static void put_words(struct out *out, const struct verify_finding *f)
{
    switch (f->kind) {
    case VERIFY_MISSING:
        out_line(out, _("missing: the certificate of \"%s\"; give it with "
                        "--ca"), f->name);
        if (f->url[0] != '\0')
            out_line(out, _("its issuer says that it is at %s"), f->url);
        break;
    case VERIFY_CRL_EXPIRED:
        out_line(out, _("the revocation list of \"%s\" was due to be replaced "
                        "on %s: get its newer one"), f->name, f->date);
        break;
    case VERIFY_CRL_NOT_YET:
        out_line(out, _("the revocation list of \"%s\" is not valid before "
                        "%s"), f->name, f->date);
        break;
    case VERIFY_CRL_WRONG:
        out_line(out, _("the revocation list of \"%s\" is not signed by it: "
                        "somebody else made it"), f->name);
        break;
    default:
        if (f->depth == 0)
            put_own(out, f);
        else
            put_authority(out, f);
    }
}

/* CRLs and missing certificates have an authority's name at any depth. */
static bool is_personal(const struct verify_finding *f)
{
    return f->depth == 0 && f->kind != VERIFY_MISSING &&
           (f->kind < VERIFY_CRL_EXPIRED || f->kind > VERIFY_CRL_WRONG);
}

static void put_finding(struct out *out, const struct verify_finding *f)
{
    put_words(out, f);
    out_open(out, NULL);
    out_string(out, "kind", kinds[f->kind]);
    if (!is_personal(f))
        out_string(out, "name", f->name);
    out_string(out, "date", f->date);
    out_string(out, "url", f->url);
    if (f->kind == VERIFY_OTHER)
        out_string(out, "words", f->words);
    out_close(out);
}

static void put_chain(struct out *out, const struct verify_result *result)
{
    char name[CERT_NAME_MAX];

    out_open_list(out, "chain");
    for (int i = 1; i < sk_X509_num(result->chain); i++) {
        X509 *x = sk_X509_value(result->chain, i);

        cert_short_name(X509_get_subject_name(x), name, sizeof(name));
        out_line(out, _("issued by \"%s\""), name);
        out_string(out, NULL, name);
    }
    out_close(out);
}

static void put_result(const struct chain *chain, const char *usage,
                       const struct cert_text *text,
                       const struct verify_result *result)
{
    struct out *out = chain->t->out;

    out_open(out, NULL);
    out_title(out, "%s%s%s", chain->t->options.redact ? "***" : text->holder,
              usage[0] != '\0' ? ", " : "", usage);
    out_string(out, "usage", usage);
    if (out_is_json(out))
        out_personal(out, "holder", NULL, text->holder);
    out_flag(out, "complete", NULL, result->count == 0, NULL);
    put_chain(out, result);
    out_open_list(out, "findings");
    for (size_t i = 0; i < result->count; i++)
        put_finding(out, &result->findings[i]);
    out_close(out);
    if (result->unchecked > 0) {
        out_line(out, ngettext("no list that was given tells whether %zu "
                               "certificate of the chain is revoked",
                               "no list that was given tells whether %zu "
                               "certificates of the chain are revoked",
                               result->unchecked),
                 result->unchecked);
        out_flag(out, "all_checked_for_revocation", NULL, false, NULL);
    }
    if (result->count == 0)
        out_line(out, _("the chain is complete"));
    out_close(out);
}

/* ---- verifying ----------------------------------------------------------- */

static bool keep_sound(struct chain *chain, const struct verify_result *result)
{
    for (int i = 1; result->sound && i < sk_X509_num(result->chain); i++)
        if (X509_add_cert(chain->sound.certs, sk_X509_value(result->chain, i),
                          X509_ADD_FLAG_UP_REF | X509_ADD_FLAG_NO_DUP) != 1)
            return false;
    return true;
}

static bool check_one(struct chain *chain, const struct card *c, size_t i,
                      struct bytes der)
{
    struct verify_result result = {.count = 0};
    struct cert_text text;
    X509 *leaf;
    bool ok;

    if (!cert_describe(der, &text) || text.authority ||
        (leaf = cert_parse(der)) == NULL)
        return true;
    ok = verify_chain(leaf, &chain->given, &chain->on_card, &result) &&
         keep_sound(chain, &result);
    if (ok) {
        chain->checked++;
        chain->complete += result.count == 0;
        put_result(chain, object_cert_usage(c, i), &text, &result);
    }
    verify_clear(&result);
    X509_free(leaf);
    return ok;
}

static int check_all(struct chain *chain, const struct card *c)
{
    struct bytes der;
    bool ok = true;

    out_open_list(chain->t->out, "certificates");
    for (size_t i = 0; ok && card_cert_at(c, i, &der) != NULL; i++)
        ok = check_one(chain, c, i, der);
    out_close(chain->t->out);
    if (!ok) {
        tool_error(chain->t, _("out of memory"));
        return TOOL_FAILED;
    }
    if (chain->checked == 0) {
        tool_error(chain->t, _("the card has no certificate of its holder"));
        return TOOL_NOTHING;
    }
    return chain->complete == chain->checked ? TOOL_DONE : TOOL_FINDINGS;
}

/* ---- the subcommand ------------------------------------------------------ */

static int read_files(struct chain *chain)
{
    int status = TOOL_DONE;

    for (size_t i = 0; status == TOOL_DONE && chain->files[i] != NULL; i++)
        status = authorities_add_file(chain->t, &chain->given,
                                      chain->files[i]);
    for (size_t i = 0; status == TOOL_DONE && chain->crls[i] != NULL; i++)
        status = authorities_add_file(chain->t, &chain->given, chain->crls[i]);
    return status;
}

static int run_on_card(struct chain *chain, const char *text)
{
    struct card_set set;
    struct card *c;
    int installed, status = tool_choose(chain->t, text, CARD_READ_OBJECTS,
                                        &set, &c);

    if (status != TOOL_DONE)
        return status;
    authorities_add_card(&chain->on_card, c);
    status = check_all(chain, c);
    if (chain->install && (status == TOOL_DONE || status == TOOL_FINDINGS) &&
        (installed = chain_install(chain->t, &set, c, &chain->sound,
                                   chain->system)) != TOOL_DONE)
        status = installed;
    card_set_free(&set);
    return status;
}

static int run(struct chain *chain, const char *text)
{
    int status = TOOL_FAILED;

    if (!authorities_init(&chain->given) ||
        !authorities_init(&chain->on_card) || !authorities_init(&chain->sound))
        tool_error(chain->t, _("out of memory"));
    else if ((status = read_files(chain)) == TOOL_DONE)
        status = run_on_card(chain, text);
    authorities_clear(&chain->given);
    authorities_clear(&chain->on_card);
    authorities_clear(&chain->sound);
    return status;
}

int chain_run(struct tool *t, int argc, char **argv)
{
    struct chain chain = {.t = t};
    const struct tool_option options[] = {
        {"ca", NULL, NULL, chain.files},
        {"crl", NULL, NULL, chain.crls},
        {"install", NULL, &chain.install, NULL},
        {"system", NULL, &chain.system, NULL},
        {NULL, NULL, NULL, NULL}};

    if (tool_parse(t, options, 1, argc, argv) < 0)
        return tool_parsed(t);
    if (chain.files[0] == NULL) {
        tool_error(t, _("name the authorities' certificates: tessera chain "
                        "--ca FILE, as often as there are files"));
        return TOOL_USAGE;
    }
    if (chain.system && !chain.install) {
        tool_error(t, _("--system says where --install puts them: give both"));
        return TOOL_USAGE;
    }
    if (chain.system && !registry_allows_system(t))
        return TOOL_REFUSED;
    return run(&chain, argv[1]);
}
