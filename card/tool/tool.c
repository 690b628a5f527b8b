/*
 * What subcommands share: options, messages, the card layer's context.
 */
#define _GNU_SOURCE /* getopt_long, secure_getenv */
#include "card/tool/tool.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "card/base/cache.h"
#include "card/tool/config.h"

enum { DETAIL_MARGIN = 4 };

/* ---- options ------------------------------------------------------------- */

/*
 * What stands behind a '=' may be a secret that somebody put there. A letter is
 * told by optopt alone: optind may still be before its word.
 */
static int wrong_option(struct tool *t, char **argv)
{
    const char letter[] = {'-', (char)optopt, '\0'};
    bool is_letter = optopt < 0 || optopt >= TOOL_OPTIONS_MAX;
    const char *word = is_letter ? letter : argv[optind - 1];

    tool_error(t, _("\"%.*s\" is not understood here; see tessera %s --help"),
               (int)strcspn(word, "="), word, t->command);
    return -1;
}

/* Nor is a word repeated that has no place: it may be one too. */
static int too_many_words(struct tool *t)
{
    tool_error(t, _("there are too many words on the command line; see "
                    "tessera %s --help"), t->command);
    return -1;
}

static int take_many(struct tool *t, const struct tool_option *option,
                     const char *value)
{
    size_t count = 0;

    while (option->many[count] != NULL)
        count++;
    if (count + 1 == TOOL_MANY) {
        tool_error(t, _("--%s is given more than %d times"), option->name,
                   TOOL_MANY - 1);
        return -1;
    }
    option->many[count] = value;
    option->many[count + 1] = NULL;
    return 0;
}

static int take(struct tool *t, const struct tool_option *option,
                const char *value)
{
    if (option->flag != NULL)
        *option->flag = true;
    else if (option->value != NULL)
        *option->value = value;
    else
        return take_many(t, option, value);
    return 0;
}

/* Both tables as getopt_long wants them; the index is its value. */
static size_t join(const struct tool_option *common, size_t common_count,
                   const struct tool_option *own,
                   const struct tool_option *all[TOOL_OPTIONS_MAX],
                   struct option longs[TOOL_OPTIONS_MAX + 1])
{
    size_t count = 0;

    for (size_t i = 0; i < common_count; i++)
        all[count++] = &common[i];
    for (; own != NULL && own->name != NULL && count < TOOL_OPTIONS_MAX; own++)
        all[count++] = own;
    for (size_t i = 0; i < count; i++)
        longs[i] = (struct option){
            .name = all[i]->name,
            .has_arg = all[i]->flag != NULL ? no_argument : required_argument,
            .val = (int)i};
    longs[count] = (struct option){.name = NULL};
    return count;
}

static void show_details(const char *details)
{
    char *lines = strdup(details), *rest = NULL;

    for (char *line = lines != NULL ? strtok_r(lines, "\n", &rest) : NULL;
         line != NULL; line = strtok_r(NULL, "\n", &rest)) {
        out_print(stdout, "  ");
        out_words(stdout, DETAIL_MARGIN, "%s", line);
    }
    out_print(stdout, "\n");
    free(lines);
}

static void show_help(const struct tool_command *c)
{
    /* gettext's answer to "" is the catalogue's header. */
    const char *usage = c->usage[0] != '\0' ? _(c->usage) : "";

    out_words(stdout, 0, _("Usage: tessera %s %s"), c->name, usage);
    out_print(stdout, "\n");
    out_words(stdout, 0, "%s", _(c->summary));
    out_print(stdout, "\n");
    if (c->details != NULL)
        show_details(_(c->details));
    out_words(stdout, 0, "%s", _("More is in the manual: man tessera"));
}

static void help(const struct tool *t)
{
    for (const struct tool_command *c = tool_commands; c->name != NULL; c++)
        if (strcmp(c->name, t->command) == 0)
            show_help(c);
}

int tool_parsed(const struct tool *t)
{
    return t->options.help ? TOOL_DONE : TOOL_USAGE;
}

/* Of a command; before it there is nothing to say. */
static int open_output(struct tool *t)
{
    const struct out_options options = {.json = t->options.json,
                                        .redact = t->options.redact};

    if (t->options.json) /* documents are the same in every language */
        setlocale(LC_MESSAGES, "C");
    if (t->command[0] != '\0' && (t->out = out_new(&options)) == NULL) {
        tool_error(t, _("out of memory"));
        return -1;
    }
    return 0;
}

int tool_parse(struct tool *t, const struct tool_option *option, int most,
               int argc, char **argv)
{
    const struct tool_option common[] = {
        {"json", NULL, &t->options.json, NULL},
        {"redact", NULL, &t->options.redact, NULL},
        {"help", NULL, &t->options.help, NULL},
        {"card", &t->options.card, NULL, NULL},
        {"pin-file", &t->options.pin_file, NULL, NULL},
    };
    const struct tool_option *all[TOOL_OPTIONS_MAX];
    struct option longs[TOOL_OPTIONS_MAX + 1];
    int found, left;

    join(common, nitems(common), option, all, longs);
    optind = 0; /* glibc: begin anew */
    opterr = 0;
    while ((found = getopt_long(argc, argv,
                                most == TOOL_COMMAND_FOLLOWS ? "+h" : "h",
                                longs, NULL)) != -1)
        if (found == '?')
            return wrong_option(t, argv);
        else if (found == 'h')
            t->options.help = true;
        else if (take(t, all[found], optarg) < 0)
            return -1;
    if (t->options.help) {
        help(t);
        return -1;
    }
    left = argc - optind;
    if (most >= 0 && left > most)
        return too_many_words(t);
    memmove(argv + 1, argv + optind, (size_t)(left + 1) * sizeof(*argv));
    return open_output(t) < 0 ? -1 : left + 1;
}

/* ---- messages ------------------------------------------------------------ */

static void print(const char *prefix, const char *message)
{
    fflush(stdout);
    out_words(stderr, 0, "%s%s", prefix, message);
}

void tool_error(struct tool *t, const char *format, ...)
{
    char message[2048];
    va_list args;

    va_start(args, format);
    vsnprintf(message, sizeof(message), format, args);
    va_end(args);
    if (t->out != NULL)
        out_error(t->out, message);
    print("tessera: ", message);
}

void tool_say(struct tool *t, const char *format, ...)
{
    char message[2048];
    va_list args;

    if (t->options.json)
        return;
    va_start(args, format);
    vsnprintf(message, sizeof(message), format, args);
    va_end(args);
    print("", message);
}

int tool_exit_of(int rc)
{
    switch (rc) {
    case 0:
        return TOOL_DONE;
    case CARD_E_NO_SERVICE:
    case CARD_E_NO_READER:
    case CARD_E_NO_CARD:
    case CARD_E_NOT_FOUND:
    case CARD_E_NOT_MINE:
        return TOOL_NOTHING;
    case CARD_E_PIN_WRONG:
        return TOOL_WRONG;
    case CARD_E_PIN_LOCKED:
        return TOOL_BLOCKED;
    case CARD_E_PIN_REFUSED:
    case CARD_E_PIN_FORMAT:
    case CARD_E_PIN_NEEDED:
    case CARD_E_CONFIG:
        return TOOL_REFUSED;
    case CARD_E_CANCELLED:
        return TOOL_CANCELLED;
    case CARD_E_URI:
    case CARD_E_ARGUMENT:
        return TOOL_USAGE;
    default:
        return TOOL_FAILED;
    }
}

int tool_card_error(struct tool *t, int rc)
{
    const struct card_error_name *name = card_error_name(rc);
    const char *sentence = card_error_sentence();

    if (name->remedy[0] == '\0')
        tool_error(t, _("%s: %s"), _(name->words), sentence);
    else
        tool_error(t, _("%s: %s. %s"), _(name->words), sentence,
                   _(name->remedy));
    return tool_exit_of(rc);
}

/* ---- what is installed --------------------------------------------------- */

void tool_share(char *out, size_t cap, const char *name)
{
    char program[4096];
    ssize_t len = readlink("/proc/self/exe", program, sizeof(program) - 1);
    char *slash;

    program[len > 0 ? len : 0] = '\0';
    for (int up = 0; up < 2; up++) /* PREFIX/bin/tessera */
        if ((slash = strrchr(program, '/')) != NULL)
            *slash = '\0';
    snprintf(out, cap, "%s/share/%s", program, name);
}

/* ---- the card layer ------------------------------------------------------ */

static void log_line(void *arg, const char *line)
{
    struct tool *t = arg;

    out_print(t->log, "tessera: %s\n", line);
    fflush(t->log);
}

/* As for the provider: "stderr", or a file to append to. */
static int open_log(struct tool *t)
{
    const char *path = secure_getenv("TESSERA_LOG");
    int fd;

    if (path == NULL || path[0] == '\0' || t->log != NULL)
        return 0;
    if (strcmp(path, "stderr") == 0) {
        t->log = stderr;
        return 0;
    }
    fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_CLOEXEC,
              0600);
    if (fd < 0 || (t->log = fdopen(fd, "a")) == NULL)
        return card_fail(CARD_E_CONFIG, "TESSERA_LOG: cannot write \"%s\": %s",
                         path, strerror(errno));
    return 0;
}

int tool_context(struct tool *t, struct card_context **out)
{
    struct card_settings settings = {
        .ask_pin = t->ask_pin,
        .ask_arg = t->ask_arg,
        .trace = secure_getenv("TESSERA_TRACE"),
        .log_arg = t,
    };
    struct tool_config config;
    char folder[4096];
    int rc;

    *out = t->context;
    if (t->context != NULL)
        return 0;
    if ((rc = open_log(t)) < 0)
        return rc;
    tool_config(&config);
    settings.log = t->log != NULL ? log_line : NULL;
    settings.no_keypad = !config.keypad;
    if (config.cache && cache_folder(folder, sizeof(folder)))
        settings.cache = folder;
    if ((rc = card_context_new(&settings, &t->context)) < 0)
        return rc;
    *out = t->context;
    return 0;
}
