/*
 * The card's key and certificate as a program has them: by URI, through the
 * provider that is installed, in a library context of its own.
 */
#include "card/tool/test_tls.h"

#include <stdio.h>

#include <openssl/provider.h>
#include <openssl/store.h>
#include <openssl/ui.h>

#include "card/tool/object_pem.h"
#include "card/tool/ossl.h"

/* ---- what is on the card ------------------------------------------------- */

static bool find_key(const struct card *c, unsigned use, size_t *key,
                     size_t *cert)
{
    const struct card_key_info *info;

    for (*key = 0; (info = card_key_at(c, *key)) != NULL; ++*key)
        if ((info->uses & use) != 0 && card_cert_of_key(c, *key, cert))
            return true;
    return false;
}

static int keep_key(struct tls_card *out, struct card *c, size_t i)
{
    struct card_key *key;
    int rc;

    if (!object_uri(c, CARD_KIND_PRIVATE, i, out->uri)) {
        tool_error(out->t, _("the key cannot be named: %s"),
                   card_error_sentence());
        return TOOL_FAILED;
    }
    if ((rc = card_use_key(c, i, &key)) < 0)
        return tool_card_error(out->t, rc);
    out->can = test_can(key);
    card_key_free(key);
    if (!card_pin_of_key(c, i, &out->pin))
        out->pin = CARD_MAX_PINS;
    return test_pin_blocked(c, out->pin)
               ? test_pin_say_blocked(out->t, c, out->pin)
               : TOOL_DONE;
}

static int keep(struct tls_card *out, struct card *c, const char *usage)
{
    struct card_identity id;
    struct bytes der;
    size_t key, cert;

    card_identify(c, &id);
    snprintf(out->title, sizeof(out->title), "%s", id.title);
    if (!find_key(c, object_use_of(usage), &key, &cert)) {
        tool_error(out->t, _("%s has no key with a certificate for usage=%s; "
                             "tessera list shows what it has"), id.title,
                   usage);
        return TOOL_NOTHING;
    }
    card_cert_at(c, cert, &der);
    if (!cert_describe(der, &out->text) ||
        (out->cert = cert_parse(der)) == NULL ||
        !authorities_init(&out->authorities)) {
        tool_error(out->t, _("the certificate cannot be read"));
        return TOOL_FAILED;
    }
    authorities_add_card(&out->authorities, c);
    return keep_key(out, c, key);
}

static int read_card(struct tls_card *out, const char *usage)
{
    int status;

    if (object_use_of(usage) == 0) {
        tool_error(out->t, _("--usage is auth, sign or decrypt"));
        return TOOL_USAGE;
    }
    status = tool_choose(out->t, NULL, CARD_READ_OBJECTS | CARD_READ_PINS,
                         &out->set, &out->card);
    return status != 0 ? status : keep(out, out->card, usage);
}

/* ---- through the provider ------------------------------------------------ */

static int load_providers(struct tls_card *c)
{
    char why[1024];

    if ((c->libctx = OSSL_LIB_CTX_new()) != NULL &&
        (c->stock = OSSL_PROVIDER_load(c->libctx, "default")) != NULL &&
        (c->ours = OSSL_PROVIDER_load(c->libctx, "tessera")) != NULL)
        return 0;
    ossl_error(why, sizeof(why));
    tool_error(c->t, _("the provider cannot be loaded from %s (%s): install "
                       "tessera-provider, or see what tessera doctor finds"),
               ossl_providers(), why);
    return TOOL_FINDINGS;
}

/* pem_password_cb. At a keypad there is no value, and none is wanted. */
static int give_pin(char *out, int size, int writing, void *arg)
{
    const struct tls_card *c = arg;
    struct buf pin = {(uint8_t *)out, 0, (size_t)size};

    (void)writing;
    if (c->value == NULL || buf_put(&pin, secret_view(c->value)) < 0)
        return -1;
    return (int)pin.len;
}

static EVP_PKEY *load_by(struct tls_card *c, UI_METHOD *ui)
{
    OSSL_STORE_CTX *store = OSSL_STORE_open_ex(c->uri, c->libctx, NULL, ui, c,
                                               NULL, NULL, NULL);
    OSSL_STORE_INFO *info = NULL;
    EVP_PKEY *key = NULL;

    if (store == NULL)
        return NULL;
    if (OSSL_STORE_expect(store, OSSL_STORE_INFO_PKEY) == 1)
        info = OSSL_STORE_load(store);
    if (info != NULL)
        key = OSSL_STORE_INFO_get1_PKEY(info);
    OSSL_STORE_INFO_free(info);
    OSSL_STORE_close(store);
    return key;
}

static int load_key(struct tls_card *c)
{
    UI_METHOD *ui = UI_UTIL_wrap_read_pem_callback(give_pin, 0);
    char why[1024];
    int rc;

    c->key = ui != NULL ? load_by(c, ui) : NULL;
    UI_destroy_method(ui);
    if (c->key != NULL)
        return 0;
    if ((rc = ossl_error(why, sizeof(why))) < 0)
        return tool_card_error(c->t, card_fail(rc, "%s", why));
    tool_error(c->t, _("the provider does not find the key that is on the "
                       "card: %s"), why);
    return TOOL_FINDINGS;
}

int tls_card_open(struct tool *t, const char *usage, struct tls_card *out)
{
    int status;

    *out = (struct tls_card){.t = t};
    status = read_card(out, usage);
    return status != 0 ? status : load_providers(out);
}

static bool enters_at_keypad(const struct tls_card *c)
{
    return c->t->options.pin_file == NULL &&
           card_keypad_fits(c->card, c->pin, false);
}

int tls_card_unlock(struct tls_card *c)
{
    int status;

    if (c->pin < CARD_MAX_PINS && !enters_at_keypad(c) &&
        (status = test_pin_take(c->t, c->card, c->pin, &c->value)) != 0)
        return status;
    return load_key(c);
}

void tls_card_free(struct tls_card *c)
{
    EVP_PKEY_free(c->key);
    secret_free(c->value);
    card_set_free(&c->set);
    X509_free(c->cert);
    authorities_clear(&c->authorities);
    OSSL_PROVIDER_unload(c->ours);
    OSSL_PROVIDER_unload(c->stock);
    OSSL_LIB_CTX_free(c->libctx);
}
