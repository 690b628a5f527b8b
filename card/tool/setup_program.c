/*
 * The programs that setup knows: which sample of conf/ is theirs, where it goes
 * and what it needs.
 */
#include "card/tool/setup.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- commands ------------------------------------------------------------ */

/* The files of services are root's. */
static const char *sudo(const struct setup *s)
{
    return s->program->service != NULL && geteuid() != 0 ? "sudo " : "";
}

/* One more word of a command line; free it. */
static char *option(const char *name, const char *value)
{
    char *word = setup_word(value != NULL ? value : ""), *out;

    if (word == NULL || value == NULL) {
        free(word);
        return strdup("");
    }
    out = setup_printf(" %s%s", name, word);
    free(word);
    return out;
}

bool setup_need_file(struct setup *s, const char *uri, const char *file,
                     bool server)
{
    const char *chosen = uri == NULL ? s->t->options.card : NULL;
    char *key = option("", uri), *card = option("--card ", chosen);
    char *place = option("--file ", file), *command = NULL;

    if (key != NULL && card != NULL && place != NULL)
        command = setup_printf("%stessera setup %s%s%s%s%s --write", sudo(s),
                               s->program->name, key, card,
                               server ? " --server" : "", place);
    free(key);
    free(card);
    free(place);
    if (command == NULL)
        return false;
    setup_need(s, setup_printf(_("This text in its file:")), command);
    return true;
}

static const char *examples(char out[SETUP_PATH_MAX])
{
    tool_share(out, SETUP_PATH_MAX, "doc/tessera/examples");
    return out;
}

/* ---- certificates and keys ----------------------------------------------- */

/* What tessera has no card for is a token's: OpenSSL reads it by a module. */
static bool is_token(const struct setup *s)
{
    return s->limit == SETUP_UNKNOWN && strncmp(s->uri, "pkcs11:", 7) == 0;
}

static void need_certificate(struct setup *s, const char *uri, const char *file)
{
    char *word = setup_word(uri);

    if (word != NULL && is_token(s))
        setup_need(s, NULL, setup_printf("openssl storeutl -certs %s >%s", word,
                                         file));
    else if (word != NULL)
        setup_need(s, NULL,
                   setup_printf("%stessera cert export %s --out %s", sudo(s),
                                word, file));
    free(word);
}

static void need_key(struct setup *s, const char *uri, const char *file)
{
    char folder[SETUP_PATH_MAX], *word = setup_word(uri);

    if (word != NULL && is_token(s))
        setup_need(s, NULL, setup_printf("%s/uri2pem.sh %s >%s",
                                         examples(folder), word, file));
    else if (word != NULL)
        setup_need(s, NULL, setup_printf("%stessera key pem %s --out %s",
                                         sudo(s), word, file));
    free(word);
}

/* Both in the folder, by the names that the sample has. */
static void need_pair(struct setup *s, const char *certificate, const char *key)
{
    char *file = setup_printf("%s/%s", s->folder, certificate);

    if (file != NULL)
        need_certificate(s, s->uri, file);
    free(file);
    file = setup_printf("%s/%s", s->folder, key);
    if (file != NULL)
        need_key(s, s->uri, file);
    free(file);
}

static void need_server_ca(struct setup *s)
{
    setup_need(s, setup_printf(_("%s/server-ca.pem: the CA certificates that "
                                 "the server's own is to come from."),
                               s->folder), NULL);
}

static void need_card_ca(struct setup *s)
{
    setup_need(s, setup_printf(_("%s/card-ca.pem: the CA certificates of the "
                                 "cards that may come in. Without the lines "
                                 "that name it nobody is asked for a card."),
                               s->folder), NULL);
}

/* ---- services ------------------------------------------------------------ */

/* The section is the last one of the text of openssl. Twice is as once. */
static void need_pin(struct setup *s)
{
    const char *root = sudo(s), *folder = s->folder;

    setup_need(s, setup_printf(_("For who cannot be asked, the PIN in a file "
                                 "that only its owner reads:")),
               setup_printf("[ -e %s/pin ] || %sinstall -m 600 /dev/null "
                            "%s/pin", folder, root, folder));
    setup_need(s, setup_printf(_("Write the PIN into it with an editor. "
                                 "OpenSSL told of it:")),
               setup_printf("grep -qs '^pin = ' %s/openssl.cnf || echo "
                            "'pin = file:%s/pin' | %stee -a %s/openssl.cnf",
                            folder, folder, root, folder));
}

/* Who cannot ask, runs as somebody else, and is started with no variables. */
static void need_service(struct setup *s)
{
    char folder[SETUP_PATH_MAX];

    examples(folder);
    setup_need(s, setup_printf(_("OpenSSL told of tessera:")),
               setup_printf("%stessera setup openssl --write", sudo(s)));
    need_pin(s);
    setup_need(s, setup_printf(_("The service told of that file:")),
               setup_printf("%sinstall -D -m 644 %s/tessera-service.conf "
                            "/etc/systemd/system/%s.service.d/tessera.conf",
                            sudo(s), folder, s->program->service));
    setup_need(s, setup_printf(_("From Debian 13 on, its user let to the "
                                 "readers; the file says how to name it:")),
               setup_printf("%sinstall -m 644 %s/50-tessera.rules "
                            "/etc/polkit-1/rules.d/", sudo(s), folder));
}

static void client_service(struct setup *s)
{
    need_pair(s, "card.pem", "key.pem");
    need_server_ca(s);
    need_service(s);
}

static void server_service(struct setup *s)
{
    need_pair(s, "server.pem", "server-key.pem");
    need_card_ca(s);
    need_service(s);
}

static void haproxy_client(struct setup *s)
{
    need_pair(s, "card.pem", "card.pem.key");
    need_server_ca(s);
    need_service(s);
}

static void haproxy_server(struct setup *s)
{
    need_pair(s, "server.pem", "server-key.pem");
    setup_need(s, setup_printf(_("Both in one file:")),
               setup_printf("cat %s/server.pem %s/server-key.pem | %stee "
                            "%s/server-both.pem", s->folder, s->folder,
                            sudo(s), s->folder));
    need_card_ca(s);
    need_service(s);
}

static void apache_proxy(struct setup *s)
{
    setup_need(s, setup_printf(_("What logs in for it; one of:")),
               setup_printf("%stessera setup stunnel --write", sudo(s)));
    setup_need(s, NULL, setup_printf("%stessera setup nginx --write", sudo(s)));
    setup_need(s, setup_printf(_("The site switched on:")),
               setup_printf("%sa2enmod proxy_http && %sa2ensite tessera-proxy",
                            sudo(s), sudo(s)));
}

static void apache_server(struct setup *s)
{
    server_service(s);
    setup_need(s, setup_printf(_("The site switched on:")),
               setup_printf("%sa2enmod ssl && %sa2ensite tessera-server",
                            sudo(s), sudo(s)));
}

/* ---- programs of users --------------------------------------------------- */

static void need_conf(struct setup *s, const char *program)
{
    setup_need(s, setup_printf(_("OpenSSL told of tessera, for all programs or "
                                 "in one shell:")),
               setup_printf("tessera setup openssl --write"));
    setup_need(s, NULL, setup_printf("export OPENSSL_CONF=%s/openssl.cnf",
                                     s->folder));
    if (program != NULL)
        setup_need(s, setup_printf(_("Then:")), setup_printf("%s", program));
}

static void openssl_needs(struct setup *s)
{
    setup_need(s, setup_printf(_("In one shell or service:")),
               setup_printf("export OPENSSL_CONF=%s", s->file));
    setup_need(s, setup_printf(_("To see that it works:")),
               setup_printf("openssl list -providers"));
    setup_need(s, setup_printf(_("Only for a service without a terminal: make "
                                 "a file that only its owner reads by install "
                                 "-m 600 /dev/null %s/pin and write the PIN "
                                 "into it with an editor; the last line of %s "
                                 "is then pin = file:%s/pin"),
                               s->folder, s->file, s->folder), NULL);
}

static void curl_needs(struct setup *s)
{
    char *try = setup_printf("curl --config %s https://SERVER/", s->file);

    need_pair(s, "card.pem", "key.pem");
    need_conf(s, try);
    free(try);
}

static void git_needs(struct setup *s)
{
    need_pair(s, "card.pem", "key.pem");
    need_server_ca(s);
    need_conf(s, NULL);
}

static void git_proxy_needs(struct setup *s)
{
    setup_need(s, setup_printf(_("The proxy that logs in:")),
               setup_printf("sudo tessera setup nginx --write"));
}

static void postgres_needs(struct setup *s)
{
    need_pair(s, "card.pem", "key.pem");
    setup_need(s, setup_printf(_("libpq wants a key file that is yours "
                                 "alone:")),
               setup_printf("chmod 600 %s/key.pem", s->folder));
    need_server_ca(s);
    need_conf(s, "psql service=card");
}

/* Its sample has one number for each key. */
static void mutt_needs(struct setup *s)
{
    setup_need(s, NULL, setup_printf("mkdir -p -m 700 ~/.smime/certificates "
                                     "~/.smime/keys"));
    need_certificate(s, s->uri, "~/.smime/certificates/00000001.0");
    need_key(s, s->uri, "~/.smime/keys/00000001.0");
    need_certificate(s, s->uri_decrypt, "~/.smime/certificates/00000002.0");
    need_key(s, s->uri_decrypt, "~/.smime/keys/00000002.0");
    need_conf(s, NULL);
}

/* ---- the table ----------------------------------------------------------- */

#define ADDRESSES                                                              \
    N_("127.0.0.1 and localhost, with their ports, stand for your addresses "  \
       "and the server's name.")

const struct setup_program setup_programs[] = {
    {.name = "openssl",
     .commands = {"openssl"}, .question = "version", .before = "OpenSSL ",
     .least = "3.0", .tells_openssl = true,
     .client = {.sample = "openssl.cnf", .file = "=openssl.cnf",
                .needs = openssl_needs}},
    {.name = "curl",
     .commands = {"curl"}, .question = "--version", .before = "curl ",
     .least = "7.54", .tells_openssl = true,
     .client = {.sample = "curlrc", .file = "=curlrc", .needs = curl_needs,
                .note = N_("Not in ~/.curlrc: there every https address would "
                           "want the card."),
                .after = N_("SERVER is your server's name. curl then asks for "
                            "a \"PEM pass phrase\": that is the card's PIN. "
                            "With a certificate authority of your own (a file "
                            "your administrator gave you): add --cacert "
                            "FILE.")}},
    {.name = "nginx",
     .commands = {"nginx"}, .question = "-V", .before = "nginx/",
     .least = "1.7.8", .tells_openssl = true, .service = "nginx",
     .client = {.sample = "nginx-proxy.conf", .needs = client_service,
                .file = "/etc/nginx/conf.d/tessera-proxy.conf",
                .note = ADDRESSES},
     .server = {.sample = "nginx-server.conf", .needs = server_service,
                .file = "/etc/nginx/conf.d/tessera-server.conf",
                .note = ADDRESSES}},
    {.name = "apache",
     .commands = {"apache2", "httpd"}, .question = "-v", .before = "Apache/",
     .least = "2.4", .service = "apache2",
     .client = {.sample = "apache-proxy.conf", .needs = apache_proxy,
                .file = "/etc/apache2/sites-available/tessera-proxy.conf",
                .note = N_("Apache logs in to other servers with keys in files "
                           "only, so stunnel or nginx does it, on port 8080. "
                           "127.0.0.1 stands for your address.")},
     .server = {.sample = "apache-server.conf", .needs = apache_server,
                .file = "/etc/apache2/sites-available/tessera-server.conf",
                .note = ADDRESSES}},
    {.name = "stunnel",
     .commands = {"stunnel", "stunnel4"}, .question = "-version",
     .before = "stunnel ", .least = "5.15", .tells_openssl = true,
     .service = "stunnel@",
     .client = {.sample = "stunnel.conf", .needs = client_service,
                .file = "/etc/stunnel/tessera-client.conf",
                .drop = {"[server]", "foreground"}, .note = ADDRESSES},
     .server = {.sample = "stunnel.conf", .needs = server_service,
                .file = "/etc/stunnel/tessera-server.conf",
                .drop = {"[client]", "foreground"}, .note = ADDRESSES}},
    {.name = "haproxy",
     .commands = {"haproxy"}, .question = "-vv", .before = "HAProxy version ",
     .least = "2.2", .tells_openssl = true, .service = "haproxy",
     .client = {.sample = "haproxy.cfg", .needs = haproxy_client,
                .file = "/etc/haproxy/haproxy.cfg",
                .drop = {"user", "ssl-default-bind-options", "frontend door",
                         "backend behind"}, .note = ADDRESSES},
     .server = {.sample = "haproxy.cfg", .needs = haproxy_server,
                .file = "/etc/haproxy/haproxy.cfg",
                .drop = {"user", "ssl-default-server-options",
                         "frontend inside", "backend login"},
                .note = ADDRESSES}},
    {.name = "mutt",
     .commands = {"mutt", "neomutt"}, .question = "-v", .before = "utt ",
     .client = {.sample = "muttrc-smime", .file = "~/.muttrc",
                .needs = mutt_needs}},
    {.name = "git",
     .commands = {"git"}, .question = "--version", .before = "git version ",
     .client = {.sample = "gitconfig", .file = "~/.gitconfig",
                .needs = git_needs,
                .note = N_("https://localhost:8443/ stands for the address the "
                           "card is for. Commits are signed by gpgsm, which "
                           "does not use OpenSSL: tessera has no part in "
                           "that.")},
     .foreign = {.sample = "gitconfig-proxy", .file = "~/.gitconfig",
                 .needs = git_proxy_needs,
                 .note = N_("The git of this machine is built with GnuTLS, "
                            "which takes no key of OpenSSL's: a proxy logs in "
                            "for it. https://localhost:8443/ stands for the "
                            "server's address, as in the proxy's "
                            "configuration.")}},
    {.name = "postgres",
     .commands = {"psql"}, .question = "--version",
     .before = "psql (PostgreSQL) ", .least = "13",
     .client = {.sample = "pg_service.conf", .file = "~/.pg_service.conf",
                .needs = postgres_needs, .note = ADDRESSES}},
    {.name = NULL},
};
