"""TODO reports/history_page/history_page/history_page"""
