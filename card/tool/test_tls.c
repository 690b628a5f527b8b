/*
 * tessera test https://...: a login with the card, and what the server made of
 * it.
 */
#include "card/tool/test_tls.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/http.h>
#include <openssl/x509v3.h>

#include "card/tool/config.h"
#include "card/tool/ossl.h"

enum { NAMES_MAX = 64, CHAIN_MAX = 8, HTTP_FAILURE = 400 };

/* ---- what is to be mended ------------------------------------------------ */

static void put_reason(struct tool *t, const char *why)
{
    out_string(t->out, "reason", why);
    out_line(t->out, "%s", why);
}

/* ---- the server ---------------------------------------------------------- */

static void put_server(struct tool *t, const struct tls_attempt *a)
{
    X509 *x = SSL_get0_peer_certificate(a->ssl);
    unsigned char *der = NULL;
    int len = x != NULL ? i2d_X509(x, &der) : -1;
    struct cert_text text;
    bool broken;
    const char *warning;

    out_field(t->out, "protocol", _("Protocol"), SSL_get_version(a->ssl));
    out_field(t->out, "cipher", _("Cipher"), SSL_get_cipher(a->ssl));
    if (len > 0 && cert_describe(bytes_from(der, (size_t)len), &text)) {
        out_field(t->out, "server", _("Server"), text.subject);
        out_field(t->out, "server_issuer", _("Its CA"), text.issuer);
        out_field(t->out, "server_until", _("Its certificate until"),
                  text.until);
        warning = test_validity(&text, &broken);
        if (warning != NULL && !broken)
            out_line(t->out, "%s", _("The server's certificate expires in "
                                     "less than 30 days."));
    }
    OPENSSL_free(der);
}

/* ---- which certificates it accepts --------------------------------------- */

static bool is_listed(const STACK_OF(X509_NAME) *names, const X509_NAME *name)
{
    for (int i = 0; i < sk_X509_NAME_num(names); i++)
        if (X509_NAME_cmp(sk_X509_NAME_value(names, i), name) == 0)
            return true;
    return false;
}

static X509 *authority_named(const struct tls_card *c, const X509_NAME *name)
{
    for (int i = 0; i < sk_X509_num(c->authorities.certs); i++) {
        X509 *x = sk_X509_value(c->authorities.certs, i);

        if (X509_NAME_cmp(X509_get_subject_name(x), name) == 0)
            return x;
    }
    return NULL;
}

/* By its issuer, or by those above it whose certificates are on the card. */
static bool is_accepted(const struct tls_card *c,
                        const STACK_OF(X509_NAME) *names)
{
    X509 *at = c->cert;

    for (int depth = 0; at != NULL && depth < CHAIN_MAX; depth++) {
        const X509_NAME *issuer = X509_get_issuer_name(at);

        if (is_listed(names, issuer))
            return true;
        at = authority_named(c, issuer);
    }
    return false;
}

static void put_names(struct tool *t, const STACK_OF(X509_NAME) *names)
{
    char text[NAMES_MAX][CERT_NAME_MAX];
    const char *list[NAMES_MAX];
    size_t count = 0;

    for (int i = 0; i < sk_X509_NAME_num(names) && count < NAMES_MAX; i++) {
        cert_short_name(sk_X509_NAME_value(names, i), text[count],
                        CERT_NAME_MAX);
        list[count] = text[count];
        count++;
    }
    out_strings(t->out, "accepts", _("It accepts"), list, count);
}

static void put_accepted(struct tool *t, const struct tls_attempt *a)
{
    const STACK_OF(X509_NAME) *names = SSL_get0_peer_CA_list(a->ssl);
    bool any = sk_X509_NAME_num(names) <= 0;

    out_flag(t->out, "asked", _("It asks"), a->asked,
             a->asked ? _("for the certificate of whoever logs in")
                      : _("for no certificate"));
    if (!a->asked)
        return;
    if (any) {
        out_line(t->out, _("It does not tell which CAs it accepts."));
        return;
    }
    put_names(t, names);
    out_flag(t->out, "accepted", NULL, is_accepted(a->card, names), NULL);
    if (!is_accepted(a->card, names))
        out_line(t->out, _("The CA of this card, %s, is not among them."),
                 a->card->text.issuer);
}

/* ---- who was recognised -------------------------------------------------- */

static void put_person(struct tool *t, const struct tls_card *c)
{
    const char *warning;
    bool broken;

    out_title(t->out, _("Login with %s"), c->title);
    out_string(t->out, "card", c->title);
    out_personal(t->out, "subject", _("Certificate"), c->text.subject);
    out_field(t->out, "issuer", _("Issuer"), c->text.issuer);
    out_field(t->out, "until", _("Valid until"), c->text.until);
    if ((warning = test_validity(&c->text, &broken)) == NULL)
        return;
    out_string(t->out, "warning", warning);
    out_line(t->out, "%s", warning);
}

static bool holds(const char *line, const char *text)
{
    return text[0] != '\0' && strstr(line, text) != NULL;
}

/* The page is somebody's, and not shown unless it is about this person. */
static bool is_about(const char *line, const struct tls_card *c)
{
    char name[CERT_NAME_MAX];

    cert_name_entry(X509_get_subject_name(c->cert), NID_commonName, name,
                    sizeof(name));
    return holds(line, name) || holds(line, c->text.subject) ||
           holds(line, c->text.holder) || holds(line, c->text.number);
}

static int http_status(const char *line)
{
    const char *space = strchr(line, ' ');

    return space != NULL ? (int)strtol(space, NULL, 10) : 0;
}

static const char *why_no_login(const struct tls_attempt *a)
{
    if (!a->asked)
        return _("The server did not ask for a certificate, so it recognised "
                 "nobody: is a login by certificate set up for this page?");
    if (!a->proved && SSL_version(a->ssl) == TLS1_3_VERSION &&
        test_is_tls12_only(a->card->can))
        return _("The server allows TLS 1.3 only, which wants RSA-PSS "
                 "signatures, and this card makes PKCS#1 v1.5 ones only: the "
                 "server must allow TLS 1.2 for such cards.");
    if (!a->proved)
        return _("The server asked, but accepts no signature that this card's "
                 "key can make.");
    if (http_status(a->status) == 401 || http_status(a->status) == 403)
        return _("The card proved who it is, but the server does not let this "
                 "person in: ask its administrator.");
    if (http_status(a->status) == HTTP_FAILURE)
        return _("The server refused the login: its log says why.");
    return NULL;
}

static void put_success(struct tool *t)
{
    struct tool_config config;

    tool_config(&config);
    out_line(t->out, _("The login works."));
    if (!config.activated)
        out_line(t->out, _("Next: tessera activate makes your programs do the "
                           "same."));
}

static int put_outcome(struct tool *t, const struct tls_attempt *a)
{
    const char *why = why_no_login(a);

    out_field(t->out, "status", _("Answer"), a->status);
    if (a->line[0] != '\0' && is_about(a->line, a->card))
        out_personal(t->out, "page", _("The page says"), a->line);
    out_flag(t->out, "works", NULL, why == NULL, NULL);
    if (why != NULL)
        put_reason(t, why);
    else
        put_success(t);
    return why == NULL ? TOOL_DONE : TOOL_FINDINGS;
}

static int report(struct tool *t, const struct tls_attempt *a)
{
    put_person(t, a->card);
    if (a->connected) {
        put_server(t, a);
        put_accepted(t, a);
    }
    if (a->rc < 0)
        return tool_card_error(t, card_fail(a->rc, "%s", a->why));
    if (a->why[0] == '\0')
        return put_outcome(t, a);
    out_flag(t->out, "works", NULL, false, NULL);
    if (!a->connected || !a->asked || a->proved)
        put_reason(t, a->why);
    else
        put_reason(t, why_no_login(a));
    return TOOL_FINDINGS;
}

/* ---- all of it ----------------------------------------------------------- */

static SSL_CTX *make_context(struct tool *t, struct tls_card *c,
                             const char *ca)
{
    SSL_CTX *ctx = SSL_CTX_new_ex(c->libctx, NULL, TLS_client_method());
    char why[512];

    if (ctx == NULL || SSL_CTX_set_default_verify_paths(ctx) != 1) {
        ossl_error(why, sizeof(why));
        tool_error(t, _("OpenSSL cannot begin: %s"), why);
    } else if (ca != NULL && SSL_CTX_load_verify_file(ctx, ca) != 1) {
        ossl_error(why, sizeof(why));
        tool_error(t, _("%s holds no CA certificate that can be read (%s): "
                        "name a PEM file"), ca, why);
    } else {
        SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
        SSL_CTX_set_post_handshake_auth(ctx, 1);
        return ctx;
    }
    SSL_CTX_free(ctx);
    return NULL;
}

/* What needs no PIN comes first: the file, the server and who it is. */
static int check_server(struct tool *t, struct tls_card *c, SSL_CTX *ctx,
                        const struct tls_server *server)
{
    struct tls_attempt probe = {.card = c, .server = server, .fd = -1};
    int status = TOOL_DONE;

    if (!tls_probe(&probe, ctx))
        status = report(t, &probe);
    tls_attempt_end(&probe);
    return status;
}

static int unlock(struct tool *t, struct tls_card *c, SSL_CTX *ctx)
{
    int status = tls_card_unlock(c);
    char why[512];

    if (status != 0 || (SSL_CTX_use_certificate(ctx, c->cert) == 1 &&
                        SSL_CTX_use_PrivateKey(ctx, c->key) == 1))
        return status;
    ossl_error(why, sizeof(why));
    tool_error(t, _("OpenSSL does not take the card's key: %s"), why);
    return TOOL_FAILED;
}

/* TLS 1.3 was agreed on, and the card can say nothing in it. */
static bool is_too_new(const struct tls_attempt *a)
{
    return a->connected && a->asked && !a->proved &&
           SSL_version(a->ssl) == TLS1_3_VERSION &&
           test_is_tls12_only(a->card->can);
}

/*
 * Some servers allow both, and the card logs in once the program leaves TLS
 * 1.3 alone.
 */
static int log_in(struct tool *t, struct tls_card *c, SSL_CTX *ctx,
                  const struct tls_server *server)
{
    struct tls_attempt first = {.card = c, .server = server, .fd = -1};
    struct tls_attempt second = first;
    int status;

    tls_attempt(&first, ctx, 0);
    if (is_too_new(&first))
        tls_attempt(&second, ctx, TLS1_2_VERSION);
    if (second.connected) {
        status = report(t, &second);
        out_flag(t->out, "tls12_only", NULL, true, NULL);
        out_line(t->out,
                 _("This took a limit to TLS 1.2, as this card makes PKCS#1 "
                   "v1.5 signatures only and the server prefers TLS 1.3: "
                   "programs need that limit too (tessera setup shows it)."));
    } else {
        status = report(t, &first);
    }
    tls_attempt_end(&first);
    tls_attempt_end(&second);
    return status;
}

/* libcrypto leaves the brackets of an address. */
static void drop_brackets(char *host)
{
    size_t len = strlen(host);

    if (len < 2 || host[0] != '[' || host[len - 1] != ']')
        return;
    memmove(host, host + 1, len - 2);
    host[len - 2] = '\0';
}

static bool parse_url(struct tool *t, const char *url, struct tls_server *out)
{
    int tls = 0;

    if (OSSL_HTTP_parse_url(url, &tls, NULL, &out->host, &out->port, NULL,
                            &out->path, NULL, NULL) == 1 &&
        tls && out->host[0] != '\0' && strpbrk(out->path, " \r\n") == NULL) {
        drop_brackets(out->host);
        return true;
    }
    ERR_clear_error();
    tool_error(t, _("\"%s\" is no URL: write https://HOST/ or "
                    "https://HOST:PORT/"), url);
    return false;
}

static void free_url(struct tls_server *s)
{
    OPENSSL_free(s->host);
    OPENSSL_free(s->port);
    OPENSSL_free(s->path);
}

static bool can_read(struct tool *t, const char *file)
{
    if (file == NULL || access(file, R_OK) == 0)
        return true;
    if (errno == ENOENT)
        tool_error(t, _("there is no file %s"), file);
    else
        tool_error(t, _("%s cannot be read: %s"), file, strerror(errno));
    return false;
}

static int with_card(struct tool *t, const struct test_login *login,
                     const struct tls_server *server)
{
    struct tls_card c;
    SSL_CTX *ctx = NULL;
    int status = tls_card_open(
        t, login->usage != NULL ? login->usage : "auth", &c);

    if (status == 0 && (ctx = make_context(t, &c, login->ca)) == NULL)
        status = TOOL_FAILED;
    if (status == 0 && (status = check_server(t, &c, ctx, server)) == 0 &&
        (status = unlock(t, &c, ctx)) == 0)
        status = log_in(t, &c, ctx, server);
    SSL_CTX_free(ctx);
    tls_card_free(&c);
    return status;
}

int test_tls(struct tool *t, const struct test_login *login)
{
    const struct sigaction ignore = {.sa_handler = SIG_IGN};
    struct tls_server server = {.host = NULL};
    struct sigaction before;
    int status = TOOL_USAGE;

    sigaction(SIGPIPE, &ignore, &before); /* the server may go at any time */
    if (parse_url(t, login->url, &server))
        status = can_read(t, login->ca) ? with_card(t, login, &server)
                                        : TOOL_FAILED;
    free_url(&server);
    sigaction(SIGPIPE, &before, NULL);
    return status;
}
