/*
 * Other programs that use the same cards: OpenSC by way of p11-kit (browsers,
 * GnuTLS), when it is told to keep cards for itself.
 */
#define _GNU_SOURCE /* secure_getenv */
#include "card/tool/doctor.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define OPENSC_CONF "/etc/opensc/opensc.conf"

/* ---- p11-kit ------------------------------------------------------------- */

static bool file_holds(const char *path, const char *text)
{
    FILE *file = fopen(path, "re");
    char line[512];
    bool found = false;

    while (file != NULL && !found && fgets(line, sizeof(line), file) != NULL)
        found = line[strspn(line, " \t")] != '#' && strstr(line, text) != NULL;
    if (file != NULL)
        fclose(file);
    return found;
}

static bool folder_names_opensc(const char *path)
{
    DIR *folder = opendir(path);
    struct dirent *entry;
    char name[512];
    bool found = false;

    while (folder != NULL && !found && (entry = readdir(folder)) != NULL) {
        snprintf(name, sizeof(name), "%s/%s", path, entry->d_name);
        found = strstr(entry->d_name, ".module") != NULL &&
                file_holds(name, "opensc-pkcs11");
    }
    if (folder != NULL)
        closedir(folder);
    return found;
}

/* ---- OpenSC -------------------------------------------------------------- */

/* "name = true;", spaces or not. */
static bool is_set(const char *line, const char *name)
{
    line += strspn(line, " \t");
    if (strncmp(line, name, strlen(name)) != 0)
        return false;
    line += strlen(name);
    line += strspn(line, " \t=");
    return strncmp(line, "true", 4) == 0;
}

/* A setting that makes it keep a card; NULL: it shares. */
static const char *greedy_setting(const char *path)
{
    static const char *const names[] = {"connect_exclusive", "lock_login"};
    const char *found = NULL;
    FILE *file = fopen(path, "re");
    char line[512];

    while (file != NULL && found == NULL &&
           fgets(line, sizeof(line), file) != NULL)
        for (size_t i = 0; i < nitems(names); i++)
            if (is_set(line, names[i]))
                found = names[i];
    if (file != NULL)
        fclose(file);
    return found;
}

void doctor_others(struct doctor *d)
{
    const char *path = secure_getenv("OPENSC_CONF");
    const char *setting;

    if (path == NULL)
        path = OPENSC_CONF;
    if (!folder_names_opensc("/usr/share/p11-kit/modules") &&
        !folder_names_opensc("/etc/pkcs11/modules")) {
        doctor_ok(d, "opensc", _("OpenSC is not registered with p11-kit"));
        return;
    }
    setting = greedy_setting(path);
    if (setting == NULL)
        doctor_ok(d, "opensc", _("OpenSC is registered with p11-kit, and "
                                 "shares cards"));
    else
        doctor_finding(d, "opensc",
                       _("take that line out, or OpenSC out of "
                         "/usr/share/p11-kit/modules"),
                       _("OpenSC is registered with p11-kit and keeps cards "
                         "for itself: %s in %s"), setting, path);
}
