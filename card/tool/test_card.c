/*
 * The card's key and certificate as a program has them: by URI, through the
 * provider that is installed, in a library context of its own.
 */
#include "card/tool/test_tls.h"

#include <stdio.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/provider.h>
#include <openssl/store.h>
#include <openssl/ui.h>
#include <openssl/x509v3.h>

#include "card/tool/ossl.h"

/* ---- what is on the card ------------------------------------------------- */

static unsigned use_of(const char *usage)
{
    return strcmp(usage, "auth") == 0      ? CARD_USE_AUTH
           : strcmp(usage, "sign") == 0    ? CARD_USE_SIGN
           : strcmp(usage, "decrypt") == 0 ? CARD_USE_DECRYPT
                                           : 0;
}

static bool find_key(const struct card *c, unsigned use, size_t *key,
                     size_t *cert)
{
    const struct card_key_info *info;

    for (*key = 0; (info = card_key_at(c, *key)) != NULL; ++*key)
        if ((info->uses & use) != 0 && card_cert_of_key(c, *key, cert))
            return true;
    return false;
}

static void keep_authorities(struct tls_card *out, const struct card *c)
{
    const unsigned char *at;
    struct bytes der;
    X509 *x;

    for (size_t i = 0; card_cert_at(c, i, &der) != NULL; i++) {
        at = der.data;
        x = d2i_X509(NULL, &at, (long)der.len);
        if (x == NULL || X509_check_ca(x) == 0 ||
            sk_X509_push(out->authorities, x) == 0)
            X509_free(x);
    }
    ERR_clear_error();
}

static void keep_pin(struct tls_card *out, const struct card *c, size_t key)
{
    size_t pin;

    out->tries_left = CARD_TRIES_UNKNOWN;
    if (!card_pin_of_key(c, key, &pin))
        return;
    snprintf(out->pin_label, sizeof(out->pin_label), "%s",
             card_pin_at(c, pin)->label);
    out->tries_left = card_pin_at(c, pin)->tries_left;
}

static int keep_key(struct tls_card *out, struct card *c, size_t i)
{
    struct buf uri = {(uint8_t *)out->uri, 0, sizeof(out->uri) - 1};
    struct card_key *key;
    int rc;

    if ((rc = card_object_uri(c, CARD_KIND_PRIVATE, i, &uri)) < 0 ||
        (rc = card_use_key(c, i, &key)) < 0)
        return tool_card_error(out->t, rc);
    out->uri[uri.len] = '\0';
    out->can = test_can(key);
    card_key_free(key);
    keep_pin(out, c, i);
    return 0;
}

static int keep(struct tls_card *out, struct card *c, const char *usage)
{
    struct card_identity id;
    const unsigned char *at;
    struct bytes der;
    size_t key, cert;

    card_identify(c, &id);
    snprintf(out->title, sizeof(out->title), "%s", id.title);
    if (!find_key(c, use_of(usage), &key, &cert)) {
        tool_error(out->t, _("%s has no key with a certificate for usage=%s; "
                             "tessera list shows what it has"), id.title,
                   usage);
        return TOOL_NOTHING;
    }
    card_cert_at(c, cert, &der);
    at = der.data;
    if (!cert_describe(der, &out->text) ||
        (out->cert = d2i_X509(NULL, &at, (long)der.len)) == NULL ||
        (out->authorities = sk_X509_new_null()) == NULL) {
        tool_error(out->t, _("the certificate cannot be read"));
        return TOOL_FAILED;
    }
    keep_authorities(out, c);
    return keep_key(out, c, key);
}

static int read_card(struct tls_card *out, const char *usage)
{
    struct card_set set;
    struct card *c;
    int status;

    if (use_of(usage) == 0) {
        tool_error(out->t, _("--usage is auth, sign or decrypt"));
        return TOOL_USAGE;
    }
    status = tool_choose(out->t, NULL, CARD_READ_OBJECTS | CARD_READ_PINS, &set,
                         &c);
    if (status != 0)
        return status;
    status = keep(out, c, usage);
    card_set_free(&set);
    return status;
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

/* pem_password_cb: once at most, when the provider wants it. */
static int give_pin(char *out, int size, int writing, void *arg)
{
    struct tls_card *c = arg;
    struct buf pin = {(uint8_t *)out, 0, (size_t)size};
    const char *name = c->pin_label[0] != '\0' ? c->pin_label : "PIN";
    char question[512];

    (void)writing;
    if (c->tries_left >= 0)
        snprintf(question, sizeof(question), _("%s of %s (tries left: %d): "),
                 name, c->title, c->tries_left);
    else
        snprintf(question, sizeof(question), _("%s of %s: "), name, c->title);
    c->prompted = prompt_pin(c->t, question, 0, &pin);
    return c->prompted < 0 ? -1 : (int)pin.len;
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
    if (c->prompted < 0)
        return prompt_error(c->t, c->prompted);
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
    if ((status = read_card(out, usage)) != 0 ||
        (status = load_providers(out)) != 0)
        return status;
    return load_key(out);
}

void tls_card_free(struct tls_card *c)
{
    EVP_PKEY_free(c->key);
    X509_free(c->cert);
    sk_X509_pop_free(c->authorities, X509_free);
    OSSL_PROVIDER_unload(c->ours);
    OSSL_PROVIDER_unload(c->stock);
    OSSL_LIB_CTX_free(c->libctx);
}
