// What the connector is, what an operator sets, and the classes it knows: before a directory was asked, and after.
// Pure.
#pragma once

#include <vector>

#include "plugins/active_directory/src/directory.h"
#include "plugins/active_directory/src/schema.h"
#include "sluice/connector/description.h"

namespace sluice::active_directory {

// With the attributes that every directory has.
connector::Description DescribeConnector();

// The classes of this very directory: every attribute of its schema, its password policy.
std::vector<connector::ObjectClass> ClassesOf(const DirectorySchema& schema, const PasswordRules& rules);

}  // namespace sluice::active_directory
