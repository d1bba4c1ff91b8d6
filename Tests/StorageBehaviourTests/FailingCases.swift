/// What the suite has to say of each fault.
extension Fault {
    /// The cases that fail, and no others do. That of memory is looked at by ``MemoryTests``.
    var failingCases: Set<String> {
        switch self {
        case .preparingForgets: ["check"]
        case .refusesEmptyContent: ["read_empty_content", "stat_sha256", "write_with_empty_content"]
        case .foldsSpecialCharacters: ["list_rich_dir", "write_with_special_chars"]
        case .tellsSizeOfRoom: ["write_returns_metadata"]
        case .tellsWasThereAlways: ["write_returns_metadata"]
        case .losesMediaType: ["write_with_content_type"]
        case .losesMetadata: ["write_with_user_metadata"]
        case .overwritesAlthoughExclusive: ["concurrent_writers_exclusive_create", "write_with_if_not_exists"]
        case .refusesSameBytes:
            [
                "complete_or_absent_under_cancel", "concurrent_writers_same_bytes", "overwrite_with_same_bytes",
            ]
        case .tearsOnOverwrite:
            [
                "concurrent_writers_different_bytes", "concurrent_writers_exclusive_create",
                "overwrite_with_other_bytes", "write_with_if_not_exists",
            ]
        case .hidesWhatWasDeletedOnce: ["write_after_delete"]
        case .removesSource: ["write_keeps_source"]
        case .changesSource: ["write_keeps_source"]
        case .leavesSourceInSpool: ["write_takes_source_from_spool"]
        case .keepsAllInMemory: ["large_object_flat_memory"]
        case .storesNothing:
            Self.allThatCompareContent.union([
                "hostile_keys_prefixes", "list_after_delete", "list_file", "list_rich_dir", "list_nested_dir",
                "list_prefix", "list_prefix_within_a_segment", "list_root_with_recursive", "list_with_limit",
                "list_with_start_after", "presign_read", "read_empty_content", "stat_file", "stat_sha256",
                "write_with_content_type", "write_with_empty_content", "write_with_user_metadata",
            ])
        case .storesHalf:
            Self.allThatCompareContent.union([
                "hostile_keys_prefixes", "list_prefix", "stat_file",
            ])
        case .acceptsShortSource: ["complete_or_absent_when_the_source_is_short"]
        case .acceptsLongSource: ["complete_or_absent_when_the_source_is_long"]
        case .acceptsOtherDigest: ["complete_or_absent_when_the_source_differs"]
        case .acceptsMissingSource: ["complete_or_absent_when_the_source_is_missing"]
        case .showsWhatItRefused:
            [
                "complete_or_absent_when_the_source_differs", "complete_or_absent_when_the_source_is_long",
                "complete_or_absent_when_the_source_is_short",
            ]
        case .callsBadSourceUnavailable:
            [
                "complete_or_absent_when_the_source_differs", "complete_or_absent_when_the_source_is_long",
                "complete_or_absent_when_the_source_is_missing", "complete_or_absent_when_the_source_is_short",
            ]
        case .removesOldOnFailure: ["kept_when_the_source_is_short"]
        case .showsPartWhileWriting: ["complete_or_absent_while_writing"]
        case .listsPartWhileWriting: ["complete_or_absent_while_writing"]
        case .leavesPartOnCancel: ["complete_or_absent_under_cancel"]
        case .staysLockedAfterCancel: ["complete_or_absent_under_cancel"]
        case .removesOldOnCancel: ["kept_under_cancel"]
        case .sharesTemporaryFile:
            [
                "concurrent_writers_different_bytes", "concurrent_writers_different_keys",
                "concurrent_writers_exclusive_create", "hostile_keys_case_pairs", "kept_when_the_source_is_short",
                "overwrite_with_other_bytes", "write_with_if_not_exists",
            ]
        case .refusesSecondWriter:
            [
                "concurrent_writers_different_keys", "concurrent_writers_exclusive_create",
                "concurrent_writers_same_bytes",
            ]
        case .allWritersWin: ["concurrent_writers_exclusive_create"]
        case .losersSeeUnavailable: ["concurrent_writers_exclusive_create"]
        case .absentIsError:
            [
                "complete_or_absent_when_the_source_differs", "complete_or_absent_when_the_source_is_long",
                "complete_or_absent_when_the_source_is_missing", "complete_or_absent_when_the_source_is_short",
                "complete_or_absent_while_writing", "delete_file", "delete_twice", "delete_with_special_chars",
                "hostile_keys_longest", "hostile_keys_prefixes", "read_not_exist", "stat_after_delete",
                "stat_nested_parent_dir", "stat_not_exist", "stat_with_special_chars",
            ]
        case .alwaysPresent:
            [
                "complete_or_absent_when_the_source_differs", "complete_or_absent_when_the_source_is_long",
                "complete_or_absent_when_the_source_is_missing", "complete_or_absent_when_the_source_is_short",
                "complete_or_absent_while_writing", "delete_file", "delete_twice", "delete_with_special_chars",
                "hostile_keys_longest", "hostile_keys_prefixes", "stat_after_delete", "stat_nested_parent_dir",
                "stat_not_exist", "stat_with_special_chars",
            ]
        case .foldersArePresent: ["stat_nested_parent_dir"]
        case .wrongSize:
            Self.allThatCompareContent.union([
                "hostile_keys_prefixes", "read_empty_content", "stat_file", "write_with_empty_content",
            ])
        case .wrongSHA256: ["stat_sha256"]
        case .wrongKey: ["stat_file"]
        case .headFindsLongerKeys: ["hostile_keys_prefixes", "stat_nested_parent_dir"]
        case .headForgetsCase: ["hostile_keys_case_pairs", "list_rich_dir"]
        case .deletedIsStillSeen:
            ["delete_file", "delete_with_special_chars", "stat_after_delete", "write_after_delete"]
        case .unreachableIsAbsent: ["unknown_is_not_absent"]
        case .unreachableStores: ["unknown_is_not_absent"]
        case .deleteOfAbsentFails: ["delete_not_existing", "delete_twice"]
        case .deleteTwiceFails: ["delete_twice"]
        case .deletesLongerKeys: ["remove_one_file"]
        case .deletesNothing:
            [
                "delete_file", "delete_twice", "delete_with_special_chars", "list_after_delete", "stat_after_delete",
                "write_after_delete",
            ]
        case .deleteMissesSpecialCharacters: ["delete_with_special_chars"]
        case .refusesLongNames: ["hostile_keys_longest"]
        case .refusesDeepKeys: ["hostile_keys_deep"]
        case .hidesPartNames: ["hostile_keys_part_names"]
        case .ignoresCursor: ["list_with_limit", "list_with_start_after"]
        case .repeatsCursor: ["list_with_limit", "list_with_start_after"]
        case .needsCursorObject: ["list_after_delete"]
        case .ignoresLimit: ["list_after_delete", "list_with_limit", "list_with_start_after"]
        case .prefersWholeSegments: ["list_file", "list_prefix_within_a_segment"]
        case .failsWhereNothingLies:
            [
                "complete_or_absent_when_the_source_differs", "complete_or_absent_when_the_source_is_long",
                "complete_or_absent_when_the_source_is_missing", "complete_or_absent_when_the_source_is_short",
                "complete_or_absent_while_writing", "delete_file", "list_non_exist_dir",
            ]
        case .listsFolders:
            [
                "hostile_keys_deep", "list_rich_dir", "list_nested_dir", "list_prefix_within_a_segment",
                "list_with_limit",
            ]
        case .listsOneLevel:
            [
                "hostile_keys_deep", "list_rich_dir", "list_nested_dir", "list_prefix_within_a_segment",
                "list_with_limit",
            ]
        case .listsOnlyExactFile: ["list_file"]
        case .listsWrongSizes: ["complete_or_absent_under_cancel", "complete_or_absent_while_writing", "list_prefix"]
        case .emptyPrefixListsNothing: ["list_root_with_recursive"]
        case .listsWhatWasDeleted: ["delete_file", "list_after_delete"]
        case .readsWrongBytes:
            Self.allThatCompareContent
        case .readsShort:
            Self.allThatCompareContent
        case .readsNoEmptyFile: ["read_empty_content", "write_with_empty_content"]
        case .readLeavesFileWhenAbsent: ["read_not_exist"]
        case .readMissesSpecialCharacters:
            ["read_with_special_chars", "stat_with_special_chars", "write_with_special_chars"]
        case .presignsOtherKey: ["presign_read"]
        case .hangs: ["check", "write_only"]
        case .hangsAndIgnoresCancel: ["check", "write_only"]
        }
    }

    private static let allThatCompareContent: Set<String> = [
        "check", "complete_or_absent_under_cancel", "complete_or_absent_while_writing",
        "concurrent_writers_different_bytes", "concurrent_writers_different_keys",
        "concurrent_writers_exclusive_create", "concurrent_writers_same_bytes", "hostile_keys_case_pairs",
        "hostile_keys_deep", "hostile_keys_longest", "hostile_keys_part_names", "kept_under_cancel",
        "kept_when_the_source_is_short", "overwrite_with_other_bytes", "overwrite_with_same_bytes", "read_full",
        "read_with_special_chars", "remove_one_file", "stat_with_special_chars", "write_after_delete", "write_only",
        "write_takes_source_from_spool", "write_with_if_not_exists", "write_with_special_chars",
    ]
}
