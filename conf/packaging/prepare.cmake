# Run by cpack before it packs: Debian has manual pages and changelogs
# compressed, and folders of this mode whatever the umask of who builds.
file(GLOB_RECURSE texts
    ${CPACK_TEMPORARY_DIRECTORY}/*.[1-8]
    ${CPACK_TEMPORARY_DIRECTORY}/changelog)
execute_process(COMMAND gzip -9n ${texts} COMMAND_ERROR_IS_FATAL ANY)
file(CHMOD_RECURSE ${CPACK_TEMPORARY_DIRECTORY} DIRECTORY_PERMISSIONS
    OWNER_READ OWNER_WRITE OWNER_EXECUTE
    GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)
