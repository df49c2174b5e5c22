"""What campaign refuses.

NotFound        NoSuchCampaign, NoSuchCoupon
Unprocessable   UnsoundCampaign, UnsoundCoupon
Conflict        CampaignEnded, CampaignInUse, LimitBelowUsed, NameTaken, TooManyRunning, NoCodesTaken, CodeTaken,
                RedemptionReleased; and NotRedeemed, of which there is one for each that a checkout cannot use any more:
                CampaignOver, CampaignUsedUp, CustomerUsedUp, BudgetSpent, CouponOver, CouponUsedUp
"""

from __future__ import annotations

from stoa.kit import problems


class NoSuchCampaign(problems.NotFound):
    title = "There is no such campaign"
    slug = "no-such-campaign"

    def __init__(self) -> None:
        super().__init__("There is no campaign of this id.", field="campaign_id")


class NoSuchCoupon(problems.NotFound):
    title = "There is no such code"
    slug = "no-such-coupon"

    def __init__(self) -> None:
        super().__init__("The campaign has no such code.", field="code")


class UnsoundCampaign(problems.Unprocessable):
    title = "This is no campaign that could be kept"
    slug = "unsound-campaign"

    def __init__(self, detail: str, field: str) -> None:
        super().__init__(detail, field=field)


class UnsoundCoupon(problems.Unprocessable):
    title = "This is no code that could be given out"
    slug = "unsound-coupon"

    def __init__(self, detail: str, field: str) -> None:
        super().__init__(detail, field=field)


class NameTaken(problems.Conflict):
    title = "There is a campaign of this name"
    slug = "campaign-name-taken"

    def __init__(self) -> None:
        super().__init__("Give it a name by which it can be told from the others.", field="name")


class CampaignEnded(problems.Conflict):
    title = "The campaign has ended"
    slug = "campaign-ended"

    def __init__(self) -> None:
        super().__init__("What has ended stays as it was: make another.", field="campaign_id")


class CampaignInUse(problems.Conflict):
    title = "The campaign is no draft"
    slug = "campaign-in-use"

    def __init__(self) -> None:
        super().__init__("Orders may name it: end it instead.", field="campaign_id")


class LimitBelowUsed(problems.Conflict):
    """`used` is how often, or for how much, by now."""

    title = "It was used more than that already"
    slug = "limit-below-used"

    def __init__(self, field: str, used: int) -> None:
        super().__init__(f"By now it is {used}: say as much at least.", field=field, used=used)


class TooManyRunning(problems.Conflict):
    title = "Too many campaigns run at once"
    slug = "too-many-campaigns"

    def __init__(self, most: int) -> None:
        super().__init__(f"At most {most} run at one time: end or pause one first.", field="state", most=most)


class NoCodesTaken(problems.Conflict):
    title = "The campaign needs no code"
    slug = "campaign-needs-no-code"

    def __init__(self) -> None:
        super().__init__("It applies of itself: say by_coupon first.", field="campaign_id")


class CodeTaken(problems.Conflict):
    title = "There is such a code"
    slug = "coupon-taken"

    def __init__(self) -> None:
        super().__init__("Codes are told apart without case, in all campaigns.", field="code")


class NotRedeemed(problems.Conflict):
    """What was quoted cannot be used any more: `campaign_id` names it, `code` too where one was entered."""

    title = "It does not apply any more"
    slug = "not-redeemed"
    said = ""

    def __init__(self, campaign_id: str, code: str) -> None:
        named = {"code": code} if code else {}
        super().__init__(self.said, campaign_id=campaign_id, **named)


class CampaignOver(NotRedeemed):
    slug = "campaign-over"
    said = "The campaign does not run any more."


class CampaignUsedUp(NotRedeemed):
    slug = "campaign-used-up"
    said = "The campaign was used as often as it may be."


class CustomerUsedUp(NotRedeemed):
    slug = "customer-used-up"
    said = "You have used it as often as you may."


class BudgetSpent(NotRedeemed):
    slug = "budget-spent"
    said = "What may come off in all is spent."


class CouponOver(NotRedeemed):
    slug = "coupon-over"
    said = "The code is no longer taken."


class CouponUsedUp(NotRedeemed):
    slug = "coupon-used-up"
    said = "The code was used as often as it may be."


class RedemptionReleased(problems.Conflict):
    title = "It was given back before"
    slug = "redemption-released"

    def __init__(self) -> None:
        super().__init__("What this checkout would use was given back for good.")
