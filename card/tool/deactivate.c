/*
 * tessera deactivate: take back what activate and chain --install registered.
 */
#define _GNU_SOURCE /* scandirat */
#include "card/tool/tool.h"

#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "card/tool/card_files.h"
#include "card/tool/registry.h"

/* The number that is given, if its card is registered: it need not be there. */
static bool stem_is_listed(const struct registry *r, const char *text,
                           char stem[CARD_STEM_MAX])
{
    if (text == NULL)
        return false;
    card_files_stem_of(text, stem);
    return registry_has(r, stem);
}

/* The only card that is registered. */
static bool only_stem(const struct registry *r, char stem[CARD_STEM_MAX])
{
    stem[0] = '\0';
    for (size_t i = 0; i < r->count; i++) {
        const char *name = r->entries[i].name;

        if (strcmp(name, REGISTRY_CONF) == 0 ||
            (stem[0] != '\0' && registry_of_card(name, stem)))
            continue;
        if (stem[0] != '\0')
            return false;
        snprintf(stem, CARD_STEM_MAX, "%.*s", (int)strcspn(name, "-"), name);
    }
    return stem[0] != '\0';
}

static int find_stem(struct tool *t, const struct registry *r, const char *text,
                     char stem[CARD_STEM_MAX])
{
    struct card_set set;
    struct card *c;
    int status;

    if (text == NULL)
        text = t->options.card;
    if (stem_is_listed(r, text, stem) || (text == NULL && only_stem(r, stem)))
        return TOOL_DONE;
    status = tool_choose(t, text, CARD_READ_OBJECTS, &set, &c);
    if (status != TOOL_DONE)
        return status;
    card_files_stem(&set, c, stem);
    card_set_free(&set);
    return TOOL_DONE;
}

static int is_visible(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

/* What setup wrote there, and the files of its commands, are not listed. */
static void put_left(struct tool *t, const struct registry *r)
{
    struct dirent **names = NULL;
    char path[sizeof(r->path) + NAME_MAX + 2];
    int count = r->folder < 0 ? 0
                              : scandirat(r->folder, ".", &names, is_visible,
                                          alphasort);

    if (count > 0)
        out_line(t->out, _("What tessera activate did not put there is left; "
                           "remove what you do not need:"));
    out_open_list(t->out, "left");
    for (int i = 0; i < count; i++) {
        snprintf(path, sizeof(path), "%s/%s", r->path, names[i]->d_name);
        out_open(t->out, NULL);
        out_string(t->out, "file", path);
        out_close(t->out);
        out_verbatim(t->out, path);
        free(names[i]);
    }
    out_close(t->out);
    free(names);
}

static int take_back(struct tool *t, struct registry *r, const char *text,
                     bool all)
{
    char stem[CARD_STEM_MAX];
    int status = TOOL_DONE;
    size_t removed = 0;

    if (!all && r->count > 0)
        status = find_stem(t, r, text, stem);
    if (status == TOOL_DONE && r->count > 0)
        status = registry_remove(r, all ? NULL : stem, &removed);
    if (status != TOOL_DONE)
        return status;
    if (out_is_json(t->out))
        out_number(t->out, "removed", NULL, (long long)removed, NULL);
    if (removed == 0)
        out_line(t->out, _("Nothing was registered, so nothing was removed."));
    else
        out_line(t->out, ngettext("%zu file was removed from %s.",
                                  "%zu files were removed from %s.", removed),
                 removed, r->path);
    if (removed > 0 && r->count == 0 && !r->system)
        out_line(t->out, _("If you put the line with OPENSSL_CONF into "
                           "~/.profile, take it out there."));
    if (r->count == 0)
        put_left(t, r);
    return TOOL_DONE;
}

int deactivate_run(struct tool *t, int argc, char **argv)
{
    bool all = false, system = false;
    const struct tool_option options[] = {{"all", NULL, &all, NULL},
                                          {"system", NULL, &system, NULL},
                                          {NULL, NULL, NULL, NULL}};
    struct registry *r;
    int status;

    if (tool_parse(t, options, 1, argc, argv) < 0)
        return tool_parsed(t);
    if ((r = registry_open(t, system, false, &status)) == NULL)
        return status;
    status = take_back(t, r, argv[1], all);
    registry_close(r);
    return status;
}
