/// The ways in which ``ModelStorage`` can break its promises.
enum Fault: String, CaseIterable, Sendable {
    // What a put does.
    case preparingForgets
    case refusesEmptyContent
    case foldsSpecialCharacters
    case tellsSizeOfRoom
    case tellsWasThereAlways
    case losesMediaType
    case losesMetadata
    case overwritesAlthoughExclusive
    case refusesSameBytes
    case tearsOnOverwrite
    case hidesWhatWasDeletedOnce
    case removesSource
    case changesSource
    case leavesSourceInSpool
    case keepsAllInMemory
    case storesNothing
    case storesHalf
    // What it does with a source that is not as announced.
    case acceptsShortSource
    case acceptsLongSource
    case acceptsOtherDigest
    case acceptsMissingSource
    case showsWhatItRefused
    case callsBadSourceUnavailable
    case removesOldOnFailure
    // When it is looked at or cancelled on the way.
    case showsPartWhileWriting
    case listsPartWhileWriting
    case leavesPartOnCancel
    case staysLockedAfterCancel
    case removesOldOnCancel
    // Several at once.
    case sharesTemporaryFile
    case refusesSecondWriter
    case allWritersWin
    case losersSeeUnavailable
    // Look-ups.
    case absentIsError
    case alwaysPresent
    case foldersArePresent
    case wrongSize
    case wrongSHA256
    case wrongKey
    case headFindsLongerKeys
    case headForgetsCase
    case deletedIsStillSeen
    case unreachableIsAbsent
    case unreachableStores
    // Deletes.
    case deleteOfAbsentFails
    case deleteTwiceFails
    case deletesLongerKeys
    case deletesNothing
    case deleteMissesSpecialCharacters
    // Keys.
    case refusesLongNames
    case refusesDeepKeys
    case hidesPartNames
    // Listings.
    case ignoresCursor
    case repeatsCursor
    case needsCursorObject
    case ignoresLimit
    case prefersWholeSegments
    case failsWhereNothingLies
    case listsFolders
    case listsOneLevel
    case listsOnlyExactFile
    case listsWrongSizes
    case emptyPrefixListsNothing
    case listsWhatWasDeleted
    // Reads.
    case readsWrongBytes
    case readsShort
    case readsNoEmptyFile
    case readLeavesFileWhenAbsent
    case readMissesSpecialCharacters
    case presignsOtherKey
    // Never answers.
    case hangs
    case hangsAndIgnoresCancel
}
