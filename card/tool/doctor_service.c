/*
 * Is the smart card service there, and does it let this user in? By files and
 * its socket: nothing of systemd or polkit is asked.
 */
#define _GNU_SOURCE /* secure_getenv */
#include "card/tool/doctor.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define SOCKET_PATH "/run/pcscd/pcscd.comm"
#define SOCKET_UNIT "/etc/systemd/system/pcscd.socket"
#define SOCKET_WANTED "/etc/systemd/system/sockets.target.wants/pcscd.socket"
#define DRIVERS "/usr/lib/pcsc/drivers"
#define POLKIT_ACTION "/usr/share/polkit-1/actions/org.debian.pcsc-lite.policy"

static bool exists(const char *path)
{
    return access(path, F_OK) == 0;
}

static bool one_exists(const char *const paths[])
{
    while (*paths != NULL && !exists(*paths))
        paths++;
    return *paths != NULL;
}

/* ---- pcscd --------------------------------------------------------------- */

static bool is_masked(void)
{
    char target[64] = "";

    return readlink(SOCKET_UNIT, target, sizeof(target) - 1) > 0 &&
           strcmp(target, "/dev/null") == 0;
}

static const char *how_to_start(void)
{
    static const char *const programs[] = {"/usr/sbin/pcscd", "/sbin/pcscd",
                                           "/usr/local/sbin/pcscd", NULL};

    if (!one_exists(programs))
        return _("install it: sudo apt-get install pcscd");
    if (!exists("/run/systemd/system"))
        return _("start it: sudo pcscd");
    if (is_masked())
        return _("its socket unit is masked: sudo systemctl unmask "
                 "pcscd.socket, then sudo systemctl enable --now pcscd.socket");
    if (!exists(SOCKET_WANTED))
        return _("its socket unit is disabled: sudo systemctl enable --now "
                 "pcscd.socket");
    return _("sudo systemctl start pcscd.socket");
}

/* 0, or an errno. */
static int knock(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), error = 0;

    snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
    if (fd < 0 || connect(fd, (const struct sockaddr *)&address,
                          sizeof(address)) < 0)
        error = errno;
    if (fd >= 0)
        close(fd);
    return error;
}

static bool check_socket(struct doctor *d)
{
    const char *path = secure_getenv("PCSCLITE_CSOCK_NAME");
    int error;

    if (path == NULL)
        path = SOCKET_PATH;
    error = knock(path);
    if (error == 0)
        return true;
    if (error == ENOENT)
        doctor_finding(d, "pcscd", how_to_start(),
                       _("the smart card service does not run: there is no "
                         "%s"), path);
    else if (error == EACCES)
        doctor_finding(d, "pcscd",
                       _("make it and the folders above it open to all users "
                         "(the socket is 0666 by its unit), or restart "
                         "pcscd.socket"),
                       _("this user may not use the socket %s of the smart "
                         "card service"), path);
    else if (error == ECONNREFUSED)
        doctor_finding(d, "pcscd", how_to_start(),
                       _("the smart card service does not run, only its "
                         "socket %s was left behind"), path);
    else
        doctor_finding(d, "pcscd", how_to_start(), "%s: %s", path,
                       strerror(error));
    return false;
}

static void check_answer(struct doctor *d)
{
    struct reader_states *readers = calloc(1, sizeof(*readers));
    struct card_context *ctx;
    int rc;

    if (readers == NULL)
        return;
    if ((rc = tool_context(d->t, &ctx)) == 0)
        rc = card_readers(ctx, readers, 0);
    d->readers = readers->count;
    free(readers);
    if (rc == 0)
        doctor_ok(d, "pcscd", _("the smart card service runs and lets this "
                                "user in"));
    else if (rc == CARD_E_NO_SERVICE)
        doctor_finding(d, "pcscd",
                       _("let this user in by a rule for polkit: see "
                         "/usr/share/doc/tessera/examples/50-tessera.rules"),
                       _("the smart card service runs, but not for this user: "
                         "%s"), card_error_sentence());
    else
        doctor_finding(d, "pcscd", _(card_error_name(rc)->remedy), "%s",
                       card_error_sentence());
}

/* ---- drivers of readers -------------------------------------------------- */

static bool is_bundle(const char *name)
{
    const char *dot = strrchr(name, '.');

    return dot != NULL && strcmp(dot, ".bundle") == 0;
}

static void check_drivers(struct doctor *d)
{
    DIR *folder = opendir(DRIVERS);
    struct dirent *entry;
    char names[512] = "";
    size_t used = 0;

    while (folder != NULL && (entry = readdir(folder)) != NULL)
        if (is_bundle(entry->d_name) && used < sizeof(names))
            used += (size_t)snprintf(names + used, sizeof(names) - used,
                                     "%s%s", used > 0 ? ", " : "",
                                     entry->d_name);
    if (folder != NULL)
        closedir(folder);
    if (names[0] != '\0')
        doctor_ok(d, "drivers", _("drivers for readers: %s"), names);
    else if (d->readers > 0)
        doctor_ok(d, "drivers", _("readers have drivers by configuration"));
    else
        doctor_finding(d, "drivers",
                       _("for readers of today: sudo apt-get install libccid"),
                       _("no driver for readers is in %s"), DRIVERS);
}

/* ---- polkit -------------------------------------------------------------- */

/* A rule that names pcscd's actions; *hidden: the folder is shut to us. */
static bool folder_has_rule(const char *path, bool *hidden)
{
    DIR *folder = opendir(path);
    struct dirent *entry;
    bool found = false;
    char name[512], line[512];
    FILE *file;

    if (folder == NULL && errno == EACCES)
        *hidden = true;
    while (folder != NULL && !found && (entry = readdir(folder)) != NULL) {
        snprintf(name, sizeof(name), "%s/%s", path, entry->d_name);
        if (strstr(entry->d_name, ".rules") == NULL ||
            (file = fopen(name, "re")) == NULL)
            continue;
        while (!found && fgets(line, sizeof(line), file) != NULL)
            found = strstr(line, "org.debian.pcsc-lite") != NULL;
        fclose(file);
    }
    if (folder != NULL)
        closedir(folder);
    return found;
}

/* Users at the machine are let in anyway; services are not. */
static void check_polkit(struct doctor *d)
{
    static const char *const servers[] = {
        "/usr/sbin/nginx", "/usr/sbin/apache2", "/usr/sbin/haproxy",
        "/usr/bin/stunnel4", NULL};
    static const char *const daemons[] = {
        "/usr/lib/polkit-1/polkitd", "/usr/libexec/polkitd", NULL};
    bool hidden = false;

    if (!exists(POLKIT_ACTION) || !one_exists(daemons))
        doctor_ok(d, "polkit", _("polkit is not asked who may use cards"));
    else if (!one_exists(servers))
        doctor_ok(d, "polkit", _("no server is installed that would need a "
                                 "rule of polkit"));
    else if (folder_has_rule("/etc/polkit-1/rules.d", &hidden) ||
             folder_has_rule("/usr/share/polkit-1/rules.d", &hidden))
        doctor_ok(d, "polkit", _("polkit has a rule about cards"));
    else if (hidden)
        doctor_ok(d, "polkit", _("only root can see which rules polkit has"));
    else
        doctor_finding(d, "polkit",
                       _("sudo install -m 644 "
                         "/usr/share/doc/tessera/examples/50-tessera.rules "
                         "/etc/polkit-1/rules.d/, after a look at the users it "
                         "names"),
                       _("polkit has no rule that lets servers (www-data) use "
                         "cards"));
}

void doctor_service(struct doctor *d)
{
    if (check_socket(d))
        check_answer(d);
    check_drivers(d);
    check_polkit(d);
}
