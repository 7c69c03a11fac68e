"""Referrals as rows, one a member: what every partner's CSV or workbook shares.

Which columns there are is each partner's own list; how a file becomes rows, rows households and
households records is one road, so that the same household is judged alike whoever sent it.
"""
