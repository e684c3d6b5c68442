-- The batch script of one shard.
--
-- Purpose: decides a batch of operations strictly in order, each seeing the earlier ones, and
-- writes the outcome once. docs/live-store.md states every rule.
-- Guarantee: nothing is written unless the whole batch was decided; a batch torn between two
-- writes leaves `torn` set, which every later batch answers, and the shard is rebuilt.
--
-- keys[1] accounts  hash    tenant -> packed account
-- keys[2] calls     hash    member -> packed call or debit
-- keys[3] leases    zset    member -> when to look at it next, ms
-- keys[4] outbox    stream  n-0 -> e: packed entry
-- keys[5] epoch     hash    epoch, n, posted, torn
-- args[1] packed {header, operations}; header: epoch, lease_ms, grace_ms, late_window_ms,
--         retention_ms, reserve_ms, low_water_ms, min_start_ms, max_outbox, three dates, the
--         channel on which changes of calls' fates are told
-- Reply: packed {status, now_ms, posted, n, results}; status 0 decided, 1 another epoch (then the
--        stored epoch, 0 for none, stands for the results), 2 torn.

-- It is a library: what stands at the top level runs once, when the library is loaded. A batch
-- runs `decide_batch`, which sets everything that belongs to one batch anew. Lua allows 200 local
-- names at once, so names that are seldom read stand together in tables.

local NONE = -1
local MAX_AMOUNT, MAX_BALANCE, MAX_WHOLE = 1e12, 1e15, 9007199254740991
local MAX_PACE, MAX_COUNT = 1e10, 1e6
local OWN_PACE_AFTER_MS, CALLER_LOOK_MS = 5000, 86400000

local KIND = {
  LOAD = 1, APPLY = 2, AUTHORIZE = 3, CHARGE = 4, SETTLE = 5, END = 6, SWEEP = 7, DEBIT = 8,
  CONFIRM = 9, REPAIR = 10, LOOK_ACCOUNT = 11, LOOK_CALL = 12, LOOK_GRANT = 13,
}
local CHARGE = KIND.CHARGE -- the most frequent

local STATUS = { DECIDED = 0, OTHER_EPOCH = 1, TORN = 2 }
local CODE = {
  OK = 0, NOT_LOADED = 1, STALE_PROFILE = 2, CALL_MISSING = 3, PIN_MISMATCH = 4, KEY_REUSED = 5,
  OUTBOX_FULL = 6, INSUFFICIENT = 7, VERSION_GAP = 8, OUTDATED = 9, BAD_FORM = 10, CORRUPT = 11,
  CLOCK = 12,
}
local REASON = {
  NONE = 0, TENANT_SUSPENDED = 2, UNKNOWN_MODEL = 3, CALL_ALREADY_SETTLED = 4,
  INSUFFICIENT_BALANCE = 5, DAILY_CAP_REACHED = 6, CALL_COST_LIMIT = 7,
  TOO_MANY_CONCURRENT_CALLS = 8, CALLER_LIMIT = 9, RATE_LIMITED = 10,
}
local DIRECTIVE = { CONTINUE = 1, WARN = 2, FINISH = 3, HANG_UP = 4 }
local EVENT = {
  SETTLED = 1, DEBITED = 2, LOW_BALANCE = 3, BALANCE_EXHAUSTED = 4, DAILY_CAP_REACHED = 5,
  DAILY_CAP_LIFTED = 6,
}
local DEED = { RESCHEDULED = 0, EXPIRED = 1, CLOSED = 2, FORGOTTEN = 3 }
local CHANGE = { RAISED = 1, LOWERED = 2, ENDED = 3 }
local VERDICT = { POSTED = 0, RETURNED = 1, ASIDE = 2 }
local AUTHORIZED, ACTIVE, EXPIRED, SETTLED, DEBITED, CALLER = 1, 2, 3, 4, 5, 6
local OUTCOME_INCOMPLETE = 6

-- In memory the first field of every record tells whether the batch has changed it. Accounts and
-- calls have three fields that count money by date: the latest date, its sum, and packed
-- {date, sum, ...} of the earlier ones.
local CHANGED, DAY, DAY_SUM, EARLIER_DAYS = 1, 3, 4, 5

-- Fields of an account record.
local SUSPENDED, BALANCE, RESERVED, UNPOSTED, CREDIT_LIMIT = 2, 6, 7, 8, 9
local DAILY_CAP, CALL_COST_LIMIT, LOW_THRESHOLD, CONCURRENT_CALLS = 10, 11, 12, 13
local ACTIVE_CALLS, VERSION, PROFILE_VERSION, LOW_SENT = 14, 15, 16, 17
local EXHAUSTED_SENT, CAP_SENT_ON, PROFILE, GUARDS = 18, 19, 20, 21

-- An account without guards has false for them. The starts of the last minute are counted in
-- 60,000ths of a call, as of a moment: so many per minute let go by as many in a millisecond.
local GUARD = { PER_MINUTE = 1, CALLER_LIMIT = 2, LENGTH_MS = 3, STARTS = 4, STARTS_AT = 5 }

-- Fields of a call record; those from C_DIGEST on exist once it is settled. The overrun is what
-- was rated but not charged.
local C_STATE, C_FLAGS, C_AUTHORIZED_AT, C_LEASE_UNTIL, C_ELAPSED = 2, 6, 7, 8, 9
local C_RESERVED, C_RATED, C_CHARGED, C_GROSS, C_WEIGHT = 10, 11, 12, 13, 14
local C_FEE, C_BURN, C_FREE_MS, C_USAGE, C_PIN, C_MODEL = 15, 16, 17, 18, 19, 20
local C_PARTIES, C_ASSISTANT = 21, 22
local C_DIGEST, C_TIMES, C_OUTCOME, C_N, C_CONFIRMED = 23, 24, 25, 26, 27
-- Bits of C_FLAGS. A call with one of the first two gets nothing more; one with the third counts
-- with its caller, whose record is beside it in memory as `caller`.
local FLAG_ENDED, FLAG_REFUSED, FLAG_COUNTED = 1, 2, 4

-- Fields of a debit record, kept among the calls for repeats.
local DEBIT = { AMOUNT = 3, DIGEST = 4, N = 5, CONFIRMED = 6 }

-- A caller record, kept among the calls: what its calls hold, and what they were charged by date.
local CALLER_RESERVED = 6

local floor, min, max, type_of, byte, sub -- see `prepare`

local function ceil_div(a, b)
  local quotient = (a + b - 1) / b
  return quotient - quotient % 1
end

local function refuse(code, ...)
  return { code, { ... } }
end
