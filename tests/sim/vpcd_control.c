/*
 * sim-vpcd's control socket: a line per command, a line per answer.
 */
#include "tests/sim/vpcd.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "card/error.h"

enum { ANSWER_LINE = 160 };

/* A command's words, and where its answer goes. */
struct request {
    char *words[4];
    size_t count;
    char *answer;
};

static void say(const struct request *r, const char *text)
{
    snprintf(r->answer, ANSWER_LINE, "%s", text);
}

static bool number(const char *word, unsigned max, unsigned *out)
{
    char *end;
    unsigned long n;

    errno = 0;
    n = strtoul(word, &end, 10);
    if (*word == '\0' || *end != '\0' || errno != 0 || n > max)
        return false;
    *out = (unsigned)n;
    return true;
}

static void do_apdus(struct vpcd *v, const struct request *r)
{
    snprintf(r->answer, ANSWER_LINE, "%u", v->apdus);
}

static void do_reset_count(struct vpcd *v, const struct request *r)
{
    v->apdus = 0;
    say(r, "ok");
}

static void do_tries(struct vpcd *v, const struct request *r)
{
    struct applet_tries tries;

    v->card->ops->tries(v->card, &tries);
    snprintf(r->answer, ANSWER_LINE, "%u %u", tries.pin, tries.puk);
}

static void do_set_tries(struct vpcd *v, const struct request *r)
{
    unsigned n;

    if (number(r->words[1], 15, &n) && v->card->ops->set_tries(v->card, n) == 0)
        say(r, "ok");
    else
        say(r, "error");
}

static const struct {
    const char *name;
    enum vpcd_fault fault;
} fault_names[] = {
    {"none",      VPCD_FAULT_NONE     },
    {"one-byte",  VPCD_FAULT_ONE_BYTE },
    {"truncated", VPCD_FAULT_TRUNCATED},
    {"over-long", VPCD_FAULT_OVERLONG },
    {"silence",   VPCD_FAULT_SILENCE  },
    {"remove",    VPCD_FAULT_REMOVE   },
};

/* A name from above, or four hex digits: that status word. */
static bool find_fault(struct vpcd *v, const char *word)
{
    uint8_t sw[2];
    struct buf b = BUF_ON(sw);

    for (size_t i = 0; i < nitems(fault_names); i++) {
        if (strcmp(word, fault_names[i].name) == 0) {
            v->fault = fault_names[i].fault;
            return true;
        }
    }
    if (bytes_from_hex(word, &b) < 0 || b.len != 2)
        return false;
    v->fault = VPCD_FAULT_STATUS;
    v->status = (uint16_t)(sw[0] << 8 | sw[1]);
    return true;
}

static void do_fail(struct vpcd *v, const struct request *r)
{
    unsigned n;

    if (!number(r->words[1], 100000, &n) || !find_fault(v, r->words[2])) {
        say(r, "error");
        return;
    }
    v->fault_in = n;
    say(r, "ok");
}

static void do_tear(struct vpcd *v, const struct request *r)
{
    bool before = strcmp(r->words[2], "before") == 0;
    unsigned n;

    if (!number(r->words[1], 100000, &n)
        || (!before && strcmp(r->words[2], "after") != 0)) {
        say(r, "error");
        return;
    }
    v->fault = before ? VPCD_FAULT_REMOVE : VPCD_FAULT_REMOVE_AFTER;
    v->fault_in = n;
    say(r, "ok");
}

static void do_pull(struct vpcd *v, const struct request *r)
{
    link_pull(v);
    say(r, "ok");
}

static void do_insert(struct vpcd *v, const struct request *r)
{
    say(r, link_insert(v) == 0 ? "ok" : "error");
}

static void do_inserted(struct vpcd *v, const struct request *r)
{
    say(r, v->link >= 0 ? "yes" : "no");
}

static void do_log(struct vpcd *v, const struct request *r)
{
    FILE *log = NULL;

    if (strcmp(r->words[1], "off") != 0
        && (log = fopen(r->words[1], "w")) == NULL) {
        say(r, "error");
        return;
    }
    if (v->log != NULL)
        fclose(v->log);
    v->log = log;
    say(r, "ok");
}

static void do_wrong(struct vpcd *v, const struct request *r)
{
    say(r, v->card->ops->set(v->card, "wrong", r->words[1]) == 0 ? "ok"
                                                                 : "error");
}

static void do_set(struct vpcd *v, const struct request *r)
{
    say(r, v->card->ops->set(v->card, r->words[1], r->words[2]) == 0
               ? "ok" : "error");
}

static void do_quit(struct vpcd *v, const struct request *r)
{
    v->quit = true;
    say(r, "ok");
}

static const struct {
    const char *name;
    size_t words;
    void (*run)(struct vpcd *v, const struct request *r);
} commands[] = {
    {"apdus",       1, do_apdus      },
    {"reset-count", 1, do_reset_count},
    {"tries",       1, do_tries      },
    {"set-tries",   2, do_set_tries  },
    {"fail",        3, do_fail       },
    {"tear",        3, do_tear       },
    {"pull",        1, do_pull       },
    {"insert",      1, do_insert     },
    {"inserted",    1, do_inserted   },
    {"log",         2, do_log        },
    {"wrong",       2, do_wrong      },
    {"set",         3, do_set        },
    {"quit",        1, do_quit       },
};

static void run_line(struct vpcd *v, char *line, char *answer)
{
    struct request r = {{NULL}, 0, answer};
    char *rest = NULL;
    char *word = strtok_r(line, " \r", &rest);

    for (; word != NULL && r.count < nitems(r.words); r.count++) {
        r.words[r.count] = word;
        word = strtok_r(NULL, " \r", &rest);
    }
    say(&r, "error unknown command");
    for (size_t i = 0; r.count > 0 && i < nitems(commands); i++)
        if (strcmp(r.words[0], commands[i].name) == 0
            && r.count == commands[i].words)
            commands[i].run(v, &r);
}

static void drop(struct control_client *client)
{
    close(client->fd);
    client->fd = -1;
    client->len = 0;
}

static bool reply(const struct control_client *client, const char *answer)
{
    char line[ANSWER_LINE + 1];
    int n = snprintf(line, sizeof(line), "%s\n", answer);

    return send(client->fd, line, (size_t)n, MSG_NOSIGNAL) == n;
}

void control_serve(struct vpcd *v, struct control_client *client)
{
    size_t room = sizeof(client->line) - 1 - client->len;
    ssize_t n = read(client->fd, client->line + client->len, room);
    char answer[ANSWER_LINE];
    char *end;

    if (n <= 0 || room == 0) {
        drop(client);
        return;
    }
    client->len += (size_t)n;
    client->line[client->len] = '\0';
    while ((end = strchr(client->line, '\n')) != NULL) {
        *end = '\0';
        run_line(v, client->line, answer);
        client->len -= (size_t)(end + 1 - client->line);
        memmove(client->line, end + 1, client->len + 1);
        if (!reply(client, answer)) {
            drop(client);
            return;
        }
    }
}

void control_accept(struct vpcd *v)
{
    int fd = accept(v->listener, NULL, NULL);

    for (size_t i = 0; fd >= 0 && i < CONTROL_CLIENTS; i++) {
        if (v->clients[i].fd < 0) {
            v->clients[i].fd = fd;
            return;
        }
    }
    if (fd >= 0)
        close(fd);
}

int control_open(struct vpcd *v, const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};

    if (strlen(path) >= sizeof(address.sun_path))
        return card_fail(CARD_E_CONFIG, "control path is too long");
    memcpy(address.sun_path, path, strlen(path) + 1);
    unlink(path);
    v->listener = socket(AF_UNIX, SOCK_STREAM, 0);
    if (v->listener < 0
        || bind(v->listener, (struct sockaddr *)&address, sizeof(address)) < 0
        || listen(v->listener, CONTROL_CLIENTS) < 0)
        return card_fail(CARD_E_CONFIG, "control %s: %s", path,
                         strerror(errno));
    return 0;
}
