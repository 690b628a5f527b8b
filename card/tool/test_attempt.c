/*
 * One attempt to log in: TLS, then a page by HTTP/1.0, with what the server
 * asked for on the way.
 */
#include "card/tool/test_tls.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/sslerr.h>
#include <openssl/x509v3.h>

#include "card/tool/net.h"
#include "card/tool/ossl.h"

enum {
    PAGE_MAX = 16384,  /* bytes of head and page that are looked at */
    WAITS_MAX = 200    /* for one attempt: who drips bytes is left */
};

/* ---- why not ------------------------------------------------------------- */

/* What the server says of our certificate (RFC 8446, 6.2). */
static const struct {
    int reason;
    const char *words;
} alerts[] = {
    {SSL_R_TLSV1_ALERT_UNKNOWN_CA,
     N_("the server does not know the CA of the card's certificate: its "
        "administrator must add it to those it accepts")},
    {SSL_R_SSLV3_ALERT_CERTIFICATE_EXPIRED,
     N_("the server says that the card's certificate has expired")},
    {SSL_R_SSLV3_ALERT_CERTIFICATE_REVOKED,
     N_("the server says that the card's certificate is revoked: ask its "
        "issuer")},
    {SSL_R_SSLV3_ALERT_BAD_CERTIFICATE,
     N_("the server does not accept the card's certificate")},
    {SSL_R_SSLV3_ALERT_UNSUPPORTED_CERTIFICATE,
     N_("the server does not accept this kind of certificate")},
    {SSL_R_SSLV3_ALERT_CERTIFICATE_UNKNOWN,
     N_("the server does not accept the card's certificate, for a reason of "
        "its own: its log says more")},
    {SSL_R_TLSV13_ALERT_CERTIFICATE_REQUIRED,
     N_("the server demands a certificate, and was sent none")},
    {SSL_R_SSLV3_ALERT_HANDSHAKE_FAILURE,
     N_("the server and this machine have no way of TLS in common, or it "
        "demands a certificate and was sent none")},
    {SSL_R_TLSV1_ALERT_ACCESS_DENIED,
     N_("the server knows who it is and does not let them in")},
    {SSL_R_TLSV1_ALERT_PROTOCOL_VERSION,
     N_("the server and this machine have no version of TLS in common")},
    {SSL_R_UNSUPPORTED_PROTOCOL,
     N_("the server and this machine have no version of TLS in common")},
    {SSL_R_WRONG_VERSION_NUMBER,
     N_("what answers there does not speak TLS: correct the port")},
    {SSL_R_UNEXPECTED_EOF_WHILE_READING,
     N_("the server broke off the connection: its log says why")},
};

static const char *alert_words(unsigned long code)
{
    for (size_t i = 0; i < nitems(alerts); i++)
        if (ERR_GET_LIB(code) == ERR_LIB_SSL &&
            ERR_GET_REASON(code) == alerts[i].reason)
            return _(alerts[i].words);
    return NULL;
}

/* Of the server's certificate: what is wrong, and what may be done. */
static void explain_trust(struct tls_attempt *a, long result)
{
    const char *words = X509_verify_cert_error_string(result);
    const char *host = a->server->host;

    switch (result) {
    case X509_V_ERR_CERT_HAS_EXPIRED:
        snprintf(a->why, sizeof(a->why),
                 _("the certificate of %s has expired: its administrator must "
                   "renew it"), host);
        break;
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
        snprintf(a->why, sizeof(a->why),
                 _("the server's certificate is not for %s: correct the name, "
                   "or somebody is in between"), host);
        break;
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
        snprintf(a->why, sizeof(a->why),
                 _("this machine does not trust the CA of %s (%s): if you do, "
                   "name its certificate with --ca FILE"), host, words);
        break;
    default:
        snprintf(a->why, sizeof(a->why),
                 _("the certificate of %s is not valid: %s"), host, words);
    }
}

static void explain(struct tls_attempt *a)
{
    long trust = SSL_get_verify_result(a->ssl);
    unsigned long first = ERR_peek_error();
    const char *words = alert_words(first);
    char text[512];

    if (a->why[0] != '\0')
        return;
    if ((a->rc = ossl_error(text, sizeof(text))) < 0)
        snprintf(a->why, sizeof(a->why), "%s", text);
    else if (!a->connected && trust != X509_V_OK)
        explain_trust(a, trust);
    else if (words != NULL)
        snprintf(a->why, sizeof(a->why), "%s", words);
    else if (first == 0)
        snprintf(a->why, sizeof(a->why),
                 _("the server broke off the connection: its log says why"));
    else
        snprintf(a->why, sizeof(a->why), _("TLS fails: %s"), text);
}

/* ---- TLS ----------------------------------------------------------------- */

/* RFC 8446, 4: the first byte of a handshake message is its type. */
static void watch_messages(int write, int version, int type, const void *data,
                           size_t len, SSL *ssl, void *arg)
{
    struct tls_attempt *a = arg;
    const unsigned char *message = data;

    (void)version;
    (void)ssl;
    if (type != SSL3_RT_HANDSHAKE || len == 0)
        return;
    if (!write && message[0] == SSL3_MT_CERTIFICATE_REQUEST)
        a->asked = true;
    if (write && message[0] == SSL3_MT_CERTIFICATE_VERIFY)
        a->proved = true;
}

/* Whether the operation that gave `rv` is to be repeated. */
static bool again(struct tls_attempt *a, int rv, int *waits)
{
    int error = SSL_get_error(a->ssl, rv);

    if (error != SSL_ERROR_WANT_READ && error != SSL_ERROR_WANT_WRITE)
        return false;
    if (++*waits <= WAITS_MAX &&
        net_wait(a->fd, error == SSL_ERROR_WANT_WRITE))
        return true;
    snprintf(a->why, sizeof(a->why),
             _("%s does not answer any more: try later, or ask its "
               "administrator"), a->server->host);
    return false;
}

/* An address is no name: no SNI (RFC 6066, 3), and it stands elsewhere. */
static bool expect_host(SSL *ssl, char *host)
{
    ASN1_OCTET_STRING *address = a2i_IPADDRESS(host);

    if (address == NULL) {
        ERR_clear_error();
        return SSL_set1_host(ssl, host) == 1 &&
               SSL_set_tlsext_host_name(ssl, host) == 1;
    }
    ASN1_OCTET_STRING_free(address);
    return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host) == 1;
}

static bool begin(struct tls_attempt *a, SSL_CTX *ctx, int version)
{
    a->fd = net_connect(a->server->host, a->server->port, a->why,
                        sizeof(a->why));
    if (a->fd < 0)
        return false;
    if ((a->ssl = SSL_new(ctx)) == NULL || SSL_set_fd(a->ssl, a->fd) != 1 ||
        SSL_set_max_proto_version(a->ssl, version) != 1 ||
        !expect_host(a->ssl, a->server->host)) {
        ossl_error(a->why, sizeof(a->why));
        return false;
    }
    SSL_set_msg_callback(a->ssl, watch_messages);
    SSL_set_msg_callback_arg(a->ssl, a);
    return true;
}

static bool shake_hands(struct tls_attempt *a)
{
    int rv, waits = 0;

    while ((rv = SSL_connect(a->ssl)) != 1)
        if (!again(a, rv, &waits))
            return false;
    a->connected = true;
    return true;
}

/* ---- HTTP ---------------------------------------------------------------- */

static bool send_request(struct tls_attempt *a)
{
    const struct tls_server *s = a->server;
    bool bracket = strchr(s->host, ':') != NULL;
    char request[2048];
    int rv, waits = 0;
    int len = snprintf(request, sizeof(request),
                       "GET %s HTTP/1.0\r\nHost: %s%s%s:%s\r\n"
                       "User-Agent: tessera/" TESSERA_VERSION "\r\n\r\n",
                       s->path, bracket ? "[" : "", s->host,
                       bracket ? "]" : "", s->port);

    if (len < 0 || (size_t)len >= sizeof(request)) {
        snprintf(a->why, sizeof(a->why), _("the URL is too long"));
        return false;
    }
    while ((rv = SSL_write(a->ssl, request, len)) <= 0)
        if (!again(a, rv, &waits))
            return false;
    return true;
}

/* All of it, or what fits. A server may break off behind its page. */
static void read_page(struct tls_attempt *a, char *page, size_t cap)
{
    size_t used = 0;
    int rv, waits = 0;

    while (used + 1 < cap) {
        rv = SSL_read(a->ssl, page + used, (int)(cap - 1 - used));
        if (rv > 0)
            used += (size_t)rv;
        else if (!again(a, rv, &waits))
            break;
    }
    page[used] = '\0';
    if (used == 0)
        explain(a);
    ERR_clear_error();
}

static void copy_line(const char *text, char *out, size_t cap)
{
    snprintf(out, cap, "%.*s", (int)strcspn(text, "\r\n"), text);
}

static void take_page(struct tls_attempt *a, const char *page)
{
    const char *body = strstr(page, "\r\n\r\n");

    if (strncmp(page, "HTTP/", 5) != 0) {
        snprintf(a->why, sizeof(a->why),
                 _("what answers there does not speak HTTP"));
        return;
    }
    copy_line(page, a->status, sizeof(a->status));
    if (body != NULL)
        copy_line(body + strspn(body, "\r\n"), a->line, sizeof(a->line));
}

void tls_attempt(struct tls_attempt *a, SSL_CTX *ctx, int version)
{
    char page[PAGE_MAX];

    ERR_clear_error();
    if (!begin(a, ctx, version))
        return;
    if (!shake_hands(a) || !send_request(a)) {
        explain(a);
        return;
    }
    read_page(a, page, sizeof(page));
    if (a->why[0] == '\0')
        take_page(a, page);
}

bool tls_probe(struct tls_attempt *a, SSL_CTX *ctx)
{
    ERR_clear_error();
    if (!begin(a, ctx, 0))
        return false;
    if (shake_hands(a))
        return true;
    if (a->asked && a->why[0] == '\0' &&
        SSL_get_verify_result(a->ssl) == X509_V_OK) {
        ERR_clear_error();
        return true;
    }
    explain(a);
    return false;
}

void tls_attempt_end(struct tls_attempt *a)
{
    SSL_free(a->ssl);
    if (a->fd >= 0)
        close(a->fd);
}
