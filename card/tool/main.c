/*
 * tessera: the keys of smart cards for OpenSSL, for their holders. The table of
 * subcommands.
 */
#include "card/tool/tool.h"

#include <fcntl.h>
#include <locale.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <openssl/crypto.h>

enum { SUMMARY_COLUMN = 14 }; /* behind the longest name */

const struct tool_command tool_commands[] = {
    {"list", list_run, N_("readers, cards, keys and certificates"),
     N_("[CARD]"), NULL},
    {"watch", watch_run, N_("the same, live, as cards come and go"), "", NULL},
    {"show", show_run, N_("all that a card says of itself and its holder"),
     N_("[CARD] [--pin]"),
     N_("--pin: what the card shows after its PIN, too: a CPS's activity "
        "situations")},
    {"pin", pin_run, N_("see, verify, change or unblock a PIN"),
     N_("status|verify|change|unblock [CARD] [--pin LABEL|NUMBER] "
        "[--no-keypad] [--force] [--last-try]"),
     N_("status: how many tries are left; nothing is asked\n"
        "verify: whether a PIN is right\n"
        "change: a new PIN for the old one\n"
        "unblock: a new PIN and all its tries, with the PUK\n"
        "--pin: which of the card's PINs, where it has several\n"
        "--no-keypad: type it here, though the reader has a keypad\n"
        "--force: unblock a PIN that is not blocked: you forgot it\n"
        "--last-try: go on though a wrong value would block it")},
    {"activate", activate_run, N_("begin here: make a card known to your "
                                  "programs, or to this machine's"),
     N_("[CARD] [--system] [--no-pin]"),
     N_("--system: for every user of this machine (as root)\n"
        "--no-pin: without trying the PIN first")},
    {"deactivate", deactivate_run, N_("take back what activate and chain did"),
     N_("[CARD] [--all] [--system]"),
     N_("--all: what was registered of all cards\n"
        "--system: what was registered for this machine (as root)")},
    {"chain", chain_run, N_("which authorities' certificates are missing, "
                            "expired or revoked"),
     N_("[CARD] --ca FILE... [--crl FILE...] [--install] [--system]"),
     N_("--ca: certificates of authorities that you trust, PEM or DER\n"
        "--crl: lists of revoked certificates\n"
        "--install: keep those of whole chains for activate\n"
        "--system: for every user of this machine (as root)")},
    {"cert", cert_run, N_("certificates of a card as files"),
     N_("export [CARD] [--usage auth|sign|decrypt] [--id HEX] [--der] "
        "[--chain] [--out FILE]"),
     N_("--usage, --id: of which key; without: all\n"
        "--der: one certificate as DER, not PEM\n"
        "--chain: its authorities' certificates behind it\n"
        "--out: into a file; without: to standard output")},
    {"key", key_run, N_("a key of a card as a file for programs that read one"),
     N_("pem [CARD|URI] [--usage auth|sign|decrypt] [--id HEX] [--out FILE]"),
     N_("The file names the key; the key stays on the card.\n"
        "--usage, --id: which key; without: the one for logins\n"
        "--out: into a file; without: to standard output")},
    {"setup", setup_run, N_("the configuration with which a program uses a "
                            "key"),
     N_("openssl|curl|nginx|apache|stunnel|haproxy|mutt|git|postgres [URI] "
        "[--server] [--write] [--file FILE]"),
     N_("--server: its server's end, not its client's\n"
        "--write: put it where the program reads it; what was there is kept\n"
        "--file: into this file")},
    {"test", test_run, N_("whether keys work, or a login at a server"),
     N_("[CARD] | https://HOST[:PORT]/ [--ca FILE | --cacert FILE] "
        "[--usage auth]"),
     N_("--ca, --cacert: the authority of the server, a file that its "
        "administrator has\n"
        "--usage: with another key than that for logins")},
    {"doctor", doctor_run, N_("what is wrong on this machine, and how to mend "
                              "it"), "", NULL},
    {"trace", trace_run, N_("run a command and record what it says to the "
                            "card"),
     N_("[--out FILE] COMMAND [ARGUMENT...]"),
     N_("COMMAND is one of tessera's or any program. PINs are masked.\n"
        "--out: the transcript; without: a new file in this folder")},
    {NULL, NULL, NULL, NULL, NULL},
};

/* Catalogues are found from where the program is: see tool.cmake. */
static void find_catalogue(void)
{
    char path[4096];

    tool_share(path, sizeof(path), "locale");
    bindtextdomain("tessera", path);
    bind_textdomain_codeset("tessera", "UTF-8"); /* out.c converts */
    bind_textdomain_codeset("libc", "UTF-8"); /* strerror */
    textdomain("tessera");
}

static void usage(FILE *to)
{
    out_words(to, 0, "%s", _("Usage: tessera [--json] [--redact] "
                             "[--card CARD] [--pin-file FILE] COMMAND"));
    out_print(to, "\n");
    for (const struct tool_command *c = tool_commands; c->name != NULL; c++) {
        out_print(to, "  %-10s  ", c->name);
        out_words(to, SUMMARY_COLUMN, "%s", _(c->summary));
    }
    out_print(to, "\n");
    out_words(to, 0, "%s", _("Without a command: list. CARD is a card: URI, "
                             "the number of a reader in the list, part of "
                             "its name, or a serial number."));
}

static const struct tool_command *find(const char *name)
{
    for (const struct tool_command *c = tool_commands; c->name != NULL; c++)
        if (strcmp(c->name, name) == 0)
            return c;
    return NULL;
}

static int unknown_command(struct tool *t, const char *name)
{
    static const char *const of_pin[] = {"status", "verify", "change",
                                         "unblock"};

    for (size_t i = 0; i < nitems(of_pin); i++)
        if (strcmp(of_pin[i], name) == 0) {
            tool_error(t, _("there is no command \"%s\": it is tessera pin "
                            "%s"), name, name);
            return TOOL_USAGE;
        }
    tool_error(t, _("there is no command \"%s\"; tessera --help shows those "
                    "there are"), name);
    return TOOL_USAGE;
}

static int run_command(struct tool *t, const char *name, int argc, char **argv)
{
    const struct tool_command *command = find(name);
    int status;

    if (command == NULL)
        return unknown_command(t, name);
    t->command = command->name;
    status = command->run(t, argc, argv);
    if (t->out != NULL && !out_finish(t->out) && status == TOOL_DONE) {
        tool_error(t, _("standard output cannot be written"));
        status = TOOL_FAILED;
    }
    return status;
}

/* Options that all commands take may stand before the command as well. */
static int run(struct tool *t, int argc, char **argv)
{
    char *list[] = {argv[0], NULL};
    bool version = false;
    const struct tool_option own[] = {{"version", NULL, &version, NULL},
                                      {NULL, NULL, NULL, NULL}};

    argc = tool_parse(t, own, TOOL_COMMAND_FOLLOWS, argc, argv);
    if (t->options.help) {
        usage(stdout);
        return TOOL_DONE;
    }
    if (argc < 0) {
        usage(stderr);
        return TOOL_USAGE;
    }
    if (version) {
        puts("tessera " TESSERA_VERSION);
        return TOOL_DONE;
    }
    if (argc == 1)
        return run_command(t, "list", 1, list);
    if (strcmp(argv[1], "help") == 0) {
        usage(stdout);
        return TOOL_DONE;
    }
    return run_command(t, argv[1], argc - 1, argv + 1);
}

/*
 * Where one is closed, the next file that is opened would take its number, and
 * be written to as the output. Writing fails, and is told, on this one.
 */
static void fill_standard_files(void)
{
    int fd;

    do
        fd = open("/dev/null", O_RDONLY);
    while (fd >= 0 && fd <= STDERR_FILENO);
    if (fd >= 0)
        close(fd);
}

int main(int argc, char **argv)
{
    struct tool t = {.command = ""};
    int status;

    fill_standard_files();
    /* What openssl.cnf does to programs, this one is to mend (doctor.c). */
    OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG, NULL);
    setlocale(LC_ALL, "");
    find_catalogue();
    status = run(&t, argc, argv);
    card_context_free(t.context);
    if (t.log != NULL && t.log != stderr)
        fclose(t.log);
    out_free(t.out);
    return status;
}
